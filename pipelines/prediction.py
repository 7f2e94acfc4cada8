"""The pipeline that scores records in bulk: it resolves the champion, scores, and writes, of any configuration."""

from tfx.orchestration.pipeline import Pipeline

from ..components.batch_predictor.component import BatchPredictor
from ..errors import ConfigurationError
from .assembly import assemble
from .config.pipeline_config import PipelineConfig
from .context import RunContext
from .node import NodeRequest, NodeTraits, PipelineParameter, describe_node

DATA_URI, OUTPUT_URI = "data_uri", "output_uri"


def create_pipeline(config: PipelineConfig, context: RunContext) -> Pipeline:
    """Returns the TFX pipeline that scores `predict.data` with the newest push of the model store.

    Raises:
        ConfigurationError: if the pipeline has no model store of its own, or names no records.
    """
    if not context.model_store:
        raise ConfigurationError(
            "Expected push.store to name the model store, where the pipeline `predict` finds the champion. Received: "
            "none, which leaves models with the runs. Name a store."
        )
    if not context.image and not config.predict.data:
        raise ConfigurationError(
            "Expected predict.data to name the records. Received: none. Add --set predict.data=PLACE."
        )
    predictor = BatchPredictor(
        store=context.model_store,
        push=config.push,
        settings=config.predict,
        read=config.data,
        engine=config.engine,
    )
    return assemble(config, context, [describe_node(predictor, _traits(config))])


def _traits(config: PipelineConfig) -> NodeTraits:
    """Returns the traits of the node, whose result depends on a store and on files that no input holds."""
    data, output = config.predict.data, config.predict.output
    return NodeTraits(
        rows="",
        is_cached=False,
        request=NodeRequest(
            properties={DATA_URI: DATA_URI, OUTPUT_URI: OUTPUT_URI},
            parameters=(
                PipelineParameter(DATA_URI, "STRING", data or None, "Records: a file, a folder or a pattern."),
                PipelineParameter(OUTPUT_URI, "STRING", output, "File of the predictions. Empty: with the run."),
            ),
            opens_store=True,
        ),
    )
