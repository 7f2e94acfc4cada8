"""What all pipelines of a configuration share: who makes them, and how their nodes are put together."""

from collections.abc import Sequence

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline

from ..dotted import import_callable
from .config.pipeline_config import PipelineConfig
from .context import RunContext
from .kinds import DEFAULT_PIPELINE, kind_of

# Beam's own default would download a runner. The runner in memory uses no image; but where none is named, TFX copies
# itself into a package for remote workers, for each node anew.
BEAM_ARGS = ("--direct_running_mode=in_memory", "--direct_num_workers=1", "--sdk_container_image=none")


def make_pipeline(config: PipelineConfig, context: RunContext) -> Pipeline:
    """Returns the pipeline that a run names: the system's own where the configuration says so, else the library's.

    Raises:
        UsageError: if the configuration has no such pipeline.
        ConfigurationError: if the function that makes it cannot be imported.
    """
    config.check_pipeline(context.pipeline)
    path = config.pipelines[context.pipeline]
    path = kind_of(context.pipeline).create if path == DEFAULT_PIPELINE else path
    pipeline: Pipeline = import_callable(path, f"pipelines.{context.pipeline}")(config, context)
    return pipeline


def make_exit_handler(config: PipelineConfig, context: RunContext) -> BaseNode | None:
    """Returns the node that ends a run on Kubeflow; None where the pipeline has none, or is the system's own."""
    path = kind_of(context.pipeline).exit_handler
    if not path or config.pipelines[context.pipeline] != DEFAULT_PIPELINE:
        return None
    handler: BaseNode | None = import_callable(path, "the exit handler")(config, context)
    return handler


def assemble(config: PipelineConfig, context: RunContext, components: Sequence[BaseNode]) -> Pipeline:
    """Returns a pipeline of nodes, named and placed as the run wants it."""
    return Pipeline(
        pipeline_name=config.pipeline_name(context.task, context.pipeline),
        pipeline_root=context.pipeline_root,
        components=list(components),
        beam_pipeline_args=[*BEAM_ARGS, *config.beam.arguments()],
        enable_cache=True,
    )
