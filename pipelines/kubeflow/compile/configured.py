"""The pipeline of a configuration, compiled."""

import dataclasses

from ....dotted import is_defined
from ....errors import CompileError
from ...assembly import make_exit_handler, make_pipeline
from ...config.pipeline_config import PipelineConfig
from ...context import RunContext
from ...kinds import TRAINING
from ...node import traits_of
from ...registry import PipelineFolder, find_pipelines
from ...tracking import find_git_commit, find_uri
from .compiler import CompiledPipeline, compile_pipeline
from .devices import device_warnings, find_family
from .model_store import check_model_store


def compile_configuration(
    folder: PipelineFolder, config: PipelineConfig, task: str, image: str, pipeline: str = TRAINING
) -> CompiledPipeline:
    """Compiles a pipeline of a configuration.

    Args:
        folder: `PipelineFolder`.
        config: `PipelineConfig`.
        task: string. Name of the task.
        image: string. The image of the steps.
        pipeline: string. Name of the pipeline among `pipelines` of the configuration. Defaults to `"training"`.

    Raises:
        ConfigurationError: if the pipeline cannot be compiled, with the fix.
        UsageError: if the configuration has no such pipeline.
    """
    if config.data.mock is not None and not is_defined(config.data.mock):
        raise CompileError(
            f"Expected data.mock to name a function. Received: {config.data.mock!r}. Write it, or correct the path."
        )
    context = RunContext(
        task=task,
        data_uri="",
        schema_text=folder.schema_text(config),
        pipeline_root=config.kubeflow.pipeline_root,
        model_store=config.push.store_of(config.pipeline_name(task)),
        image=image,
        pipeline=pipeline,
        git_commit=find_git_commit(folder.path) if find_uri(config) else "",
    )
    made = make_pipeline(config, context)
    roles = {node.id: traits_of(node).role for node in made.components}
    for node, role in roles.items():
        if role == "pusher":
            check_model_store(config, node)
    handler = make_exit_handler(config, context)
    compiled = compile_pipeline(made, image, config.kubeflow, handler, own_package(folder))
    warnings = device_warnings(
        compiled.accelerators, roles, find_family(config.for_task(task).model, config.extensions)
    )
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
