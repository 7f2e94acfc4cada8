"""The pipeline of a configuration, compiled: which of its nodes take what from a run."""

import dataclasses

from ....components.trainer.family import family_choices, load_families
from ....dotted import is_defined
from ....errors import CompileError
from ...chain import RunContext, create_pipeline
from ...config.pipeline_config import PipelineConfig
from ...registry import PipelineFolder, find_pipelines
from ..spec.options import DATA_URI, PIPELINE_ROOT, Assignment, RawData
from ..spec.requests import NodeRequest, PipelineParameter
from ..spec.views import VIEWS
from .compiler import CompiledPipeline, compile_pipeline
from .devices import device_warnings, find_family
from .model_store import check_model_store

FAMILY, SEED, ROUNDS = "family", "seed", "rounds"


def compile_configuration(folder: PipelineFolder, config: PipelineConfig, task: str, image: str) -> CompiledPipeline:
    """Compiles the pipeline of a configuration.

    Args:
        folder: `PipelineFolder`.
        config: `PipelineConfig`.
        task: string. Name of the task.
        image: string. The image of the steps.

    Raises:
        ConfigurationError: if the pipeline cannot be compiled, with the fix.
    """
    check_model_store(config)
    context = RunContext(
        task=task,
        data_uri="",
        schema_text=folder.schema_text(config),
        pipeline_root=config.kubeflow.pipeline_root,
        model_store=config.push.store_of(config.pipeline_name(task)),
        image=image,
    )
    compiled = compile_pipeline(
        create_pipeline(config, context),
        image,
        config.kubeflow,
        pipeline_parameters(config),
        node_requests(config, task),
        package=own_package(folder),
    )
    warnings = device_warnings(compiled.accelerators, "Trainer", find_family(config.model, config.extensions))
    return dataclasses.replace(compiled, warnings=(*warnings, *code_warnings(folder)))


def own_package(folder: PipelineFolder) -> str:
    """Returns the Python package of a pipeline's own code; empty where it has none, or it is the library's."""
    is_own = not folder.package.startswith(f"{__name__.partition('.')[0]}.")
    return folder.package if is_own and any(folder.path.glob("*.py")) else ""


def code_warnings(folder: PipelineFolder) -> list[str]:
    """Returns a warning where the steps import code of a folder that no package here installs."""
    package = own_package(folder)
    if not package or any(known.path == folder.path for known in find_pipelines().values()):
        return []
    return [
        f"The steps import {package!r} from {folder.path}. The image must hold that folder where its Python finds it, "
        f"as `COPY {folder.path.name} /opt/code/{package}` and `ENV PYTHONPATH=/opt/code` in its Dockerfile."
    ]


def pipeline_parameters(config: PipelineConfig) -> list[PipelineParameter]:
    """Returns what a run of the pipeline may change."""
    return [
        PipelineParameter(
            DATA_URI,
            "STRING",
            "" if config.is_synthetic else config.kubeflow.data_uri or None,
            "Empty: the records are synthetic."
            if config.is_synthetic
            else "Records: a URI in a store, or a path that is mounted into the ingest step.",
        ),
        PipelineParameter(
            PIPELINE_ROOT,
            "STRING",
            config.kubeflow.pipeline_root,
            "Where the last blessed model is noted. Empty: at the root that the run has.",
        ),
        PipelineParameter(FAMILY, "STRING", config.model.family, "Model family.", family_choices(config.extensions)),
        PipelineParameter(SEED, "NUMBER_INTEGER", config.model.seed, "Seed of everything random in the training."),
        PipelineParameter(
            ROUNDS,
            "NUMBER_INTEGER",
            0,
            f"What training goes on for: {_rounds(config)}. 0: as the pipeline was compiled.",
        ),
    ]


def _rounds(config: PipelineConfig) -> str:
    families = load_families(config.extensions).values()
    return ", ".join(f"{family.rounds} of {family.name}" for family in families if family.rounds)


def node_requests(config: PipelineConfig, task: str) -> dict[str, NodeRequest]:
    """Returns what the nodes of the pipeline take from a run."""
    store = config.push.store_of(config.pipeline_name(task))
    trainer = (
        Assignment(FAMILY, "custom_config", ("settings", FAMILY)),
        Assignment(SEED, "custom_config", ("settings", SEED)),
        *(
            Assignment(ROUNDS, "custom_config", ("settings", "hyperparameters", name, family.rounds), zero_keeps=True)
            for name, family in load_families(config.extensions).items()
            if family.rounds
        ),
    )
    return {
        "ColumnarExampleGen": NodeRequest(
            arguments=(DATA_URI,), raw_data=RawData("input_pattern", "raw_data", mock_function(config))
        ),
        "FeatureSelector": NodeRequest(properties={SEED: SEED}, rows="rows_train"),
        "Trainer": NodeRequest(arguments=(FAMILY, SEED, ROUNDS), assignments=trainer, rows="rows_train"),
        "Evaluator": NodeRequest(rows="rows_eval"),
        "EvaluationReport": NodeRequest(
            views=tuple(view for view in VIEWS if view != "classification" or config.label.values),
            rows="rows_eval",
        ),
        "Pusher": NodeRequest(
            arguments=(PIPELINE_ROOT,),
            output_folders={} if store else {"store": "pushed_model"},
            points_to="model",
            rows="",
        ),
    }


def mock_function(config: PipelineConfig) -> str | None:
    """Returns the dotted path of the function that writes the pipeline's synthetic records, or None.

    Raises:
        CompileError: if it is not importable.
    """
    path = config.data.mock
    if path is not None and not is_defined(path):
        raise CompileError(f"Expected data.mock to name a function. Received: {path!r}. Write it, or correct the path.")
    return path
