"""The pipelines that the library makes of any configuration: one row of `KINDS` a kind, which `--pipeline` names.

To add a kind, write a module such as `pipelines/monitoring.py` with

    def create_pipeline(config: PipelineConfig, context: RunContext) -> Pipeline:
        return assemble(config, context, [DriftMonitor(...), ...])

and its row below. What a run of the compiled spec may change, such as the URI of a log, the node says in its traits:
`NodeRequest(properties={"log_uri": "log_uri"}, parameters=(PipelineParameter("log_uri", "STRING", ...),))`; a node that
reads or writes a store by itself has `NodeRequest(opens_store=True)`, so that its step gets the store's credentials. On
this machine those properties have what the configuration says: `yachay run NAME --pipeline monitor --set monitor.x=y`.
"""

import dataclasses
from collections.abc import Mapping

TRAINING = "training"
"""The pipeline that is run and compiled where none is named."""

DEFAULT_PIPELINE = "default"
"""What `pipelines` of a configuration says of one that the library makes."""


@dataclasses.dataclass(frozen=True)
class PipelineKind:
    """A pipeline that the library makes of any configuration.

    Args:
        create: string. Dotted path of the function `(config, context) -> Pipeline`; imported when it is called.
        reads_records: bool. Whether it begins with the records of `--data` or `data_uri`. Defaults to False.
        exit_handler: string. Dotted path of a function `(config, context) -> node or None`. On Kubeflow the node runs
            once all others have ended, also where one has failed. Defaults to none.
    """

    create: str
    reads_records: bool = False
    exit_handler: str = ""


KINDS: Mapping[str, PipelineKind] = {
    TRAINING: PipelineKind(
        "yachay.pipelines.chain.create_pipeline",
        reads_records=True,
        exit_handler="yachay.pipelines.chain.create_exit_handler",
    ),
    "predict": PipelineKind("yachay.pipelines.prediction.create_pipeline"),
    "monitor": PipelineKind(
        "yachay.pipelines.monitoring.create_pipeline",
        exit_handler="yachay.pipelines.monitoring.create_exit_handler",
    ),
}


def kind_of(pipeline: str) -> PipelineKind:
    """Returns the kind of a pipeline among `pipelines` of a configuration; one of a name of its own is a training."""
    return KINDS.get(pipeline, KINDS[TRAINING])
