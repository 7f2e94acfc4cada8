"""The pipeline of a configuration, compiled: which of its nodes take what from a run."""

import dataclasses
import json

from google.protobuf import json_format

from ....dotted import is_defined
from ....errors import CompileError
from ...chain import RunContext, create_pipeline
from ...columns import ingest_columns
from ...config.pipeline_config import FAMILIES, PipelineConfig
from ...evaluation import eval_config
from ...registry import PipelineFolder
from ...report_config import report_config
from ..spec.options import DATA_URI, PIPELINE_ROOT, Assignment, RawData
from ..spec.requests import NodeRequest, PipelineParameter
from ..spec.views import VIEWS
from .compiler import CompiledPipeline, compile_pipeline
from .devices import device_warnings, find_family
from .model_store import check_model_store

FAMILY, SEED, ROUNDS = "family", "seed", "rounds"

# What a family's training goes on for.
_ROUNDS = {"keras": "max_epochs", "boosted_trees": "max_iter", "random_forest": "n_estimators"}


def compile_configuration(folder: PipelineFolder, config: PipelineConfig, task: str, image: str) -> CompiledPipeline:
    """Compiles the pipeline of a configuration.

    Args:
        folder: `PipelineFolder`.
        config: `PipelineConfig`.
        task: string. Name of the task.
        image: string. The image of the steps.

    Raises:
        ConfigurationError: if the pipeline cannot be compiled, with the mend.
    """
    ingest_columns(folder.schema(config), config)
    check_model_store(config)
    context = RunContext(
        task=task,
        data_uri="",
        is_mock=False,
        schema_text=folder.schema_text(config),
        pipeline_root=config.kubeflow.pipeline_root,
        model_store=config.push.store_of(config.pipeline_name(task, is_mock=False)),
        image=image,
    )
    compiled = compile_pipeline(
        create_pipeline(config, context),
        image,
        config.kubeflow,
        pipeline_parameters(config),
        node_requests(config, task, image),
    )
    warnings = device_warnings(compiled.accelerators, "Trainer", find_family(config.model.family))
    return dataclasses.replace(compiled, warnings=tuple(warnings))


def pipeline_parameters(config: PipelineConfig) -> list[PipelineParameter]:
    """Returns what a run of the pipeline may change."""
    has_mock = mock_function(config) is not None
    records = "Records: a URI in a store, or a path that is mounted into the ingest step."
    return [
        PipelineParameter(
            DATA_URI,
            "STRING",
            config.kubeflow.data_uri if has_mock else config.kubeflow.data_uri or None,
            f"{records} Empty: synthetic records." if has_mock else records,
        ),
        PipelineParameter(
            PIPELINE_ROOT,
            "STRING",
            config.kubeflow.pipeline_root,
            "Where the last blessed model is noted. Empty: at the root that the run has.",
        ),
        PipelineParameter(FAMILY, "STRING", config.model.family, "Model family.", tuple(FAMILIES)),
        PipelineParameter(SEED, "NUMBER_INTEGER", config.model.seed, "Seed of everything random in the training."),
        PipelineParameter(
            ROUNDS,
            "NUMBER_INTEGER",
            0,
            "Epochs of a network, or trees of an ensemble; linear has none. 0: as the pipeline was compiled.",
        ),
    ]


def node_requests(config: PipelineConfig, task: str, image: str) -> dict[str, NodeRequest]:
    """Returns what the nodes of the pipeline take from a run."""
    deploys = config.deploy.from_pipeline
    mock_store = config.push.store_of(config.pipeline_name(task, is_mock=True))
    mock_thresholds = eval_config(config, config.tasks[task].mock_thresholds)
    trainer = (
        Assignment(FAMILY, "custom_config", (FAMILY,)),
        Assignment(SEED, "custom_config", (SEED,)),
        *(
            Assignment(ROUNDS, "custom_config", ("hyperparameters", family, name), zero_keeps=True)
            for family, name in _ROUNDS.items()
        ),
    )
    return {
        "ColumnarExampleGen": NodeRequest(
            arguments=(DATA_URI,), raw_data=RawData("input_pattern", "raw_data", mock_function(config))
        ),
        "FeatureSelector": NodeRequest(properties={SEED: SEED}, rows="rows_train"),
        "Trainer": NodeRequest(arguments=(FAMILY, SEED, ROUNDS), assignments=trainer, rows="rows_train"),
        "Evaluator": NodeRequest(
            arguments=(DATA_URI,),
            when_mock={"eval_config": json_format.MessageToJson(mock_thresholds, sort_keys=True)},
            rows="rows_eval",
        ),
        "EvaluationReport": NodeRequest(
            arguments=(DATA_URI,),
            when_mock={"report_config": json.dumps(report_config(config, task, True, image), sort_keys=True)},
            views=tuple(view for view in VIEWS if view != "classification" or config.label.values),
            rows="rows_eval",
        ),
        "Pusher": NodeRequest(
            arguments=(DATA_URI, PIPELINE_ROOT),
            when_mock=({"store": mock_store} if mock_store else {}) | ({"deploy": ""} if deploys else {}),
            output_folders={} if mock_store else {"store": "pushed_model"},
            points_to="model",
            rows="",
        ),
    }


def mock_function(config: PipelineConfig) -> str | None:
    """Returns the dotted path of the function that writes the pipeline's mock data, or None where there is none.

    Raises:
        CompileError: if it is not importable.
    """
    if config.data.schema_name.endswith(".pbtxt"):
        return None
    path = f"yachay.schemas.{config.data.schema_name}.mock.write_mock_csv"
    if not is_defined(path):
        raise CompileError(f"Expected {path} to write mock data. Received: no such function. Write it.")
    return path
