"""The pipeline that watches a served model: it judges the log, and starts a training where `retrain` says so."""

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline

from ..components.drift_monitor.component import DriftMonitor
from ..components.drift_monitor.settings import StoreSettings
from ..errors import ConfigurationError
from .assembly import assemble
from .config.pipeline_config import PipelineConfig
from .context import RunContext
from .node import NodeRequest, NodeTraits, PipelineParameter, describe_node

LOG_URI, LABELS_URI, RECORDS_URI, KUBEFLOW_URL = "log_uri", "labels_uri", "records_uri", "kubeflow_url"


def create_pipeline(config: PipelineConfig, context: RunContext) -> Pipeline:
    """Returns the TFX pipeline that reads `monitor.log` and judges it; on Kubeflow it then starts trainings.

    On this machine it judges alone: there `yachay monitor --retrain` trains.

    Raises:
        ConfigurationError: if the pipeline has no model store of its own.
    """
    if not context.model_store:
        raise ConfigurationError(
            "Expected push.store to name the model store, where the pipeline `monitor` finds what models were trained "
            "on. Received: none, which leaves models with the runs. Name a store."
        )
    monitor = describe_node(
        DriftMonitor(
            store=context.model_store,
            settings=config.monitor,
            store_settings=StoreSettings(mount=config.push.mount, endpoint_url=config.push.endpoint_url),
            title=f"{config.name} · {context.task}",
        ),
        _monitor_traits(config),
    )
    nodes: list[BaseNode] = [monitor]
    if config.retrain is not None and context.image:
        nodes.append(_trigger(config, context, monitor))
    return assemble(config, context, nodes)


def create_exit_handler(config: PipelineConfig, context: RunContext) -> BaseNode | None:
    """Returns the node that reports how a run of the pipeline ended, where it may start trainings."""
    if config.retrain is None or not config.retrain.labelled:
        return None
    # Imported here: TFX makes a component of the function when its module is imported.
    from .retraining.end_report import make_end_report

    return describe_node(
        make_end_report(config.retrain.labelled), NodeTraits(rows="", request=NodeRequest(opens_store=True))
    )


def _monitor_traits(config: PipelineConfig) -> NodeTraits:
    """Returns the traits of the monitor, whose result depends on a log that no input holds."""
    log, labels = config.monitor.log, config.monitor.labels
    return NodeTraits(
        rows="",
        is_cached=False,
        role="monitor",
        request=NodeRequest(
            properties={"log": LOG_URI, "labels": LABELS_URI},
            parameters=(
                PipelineParameter(LOG_URI, "STRING", log or None, "Folder of the server's prediction log."),
                PipelineParameter(LABELS_URI, "STRING", labels, "Labels that came later. Empty: none."),
            ),
            opens_store=True,
            views=("monitoring_page",),
        ),
    )


def _trigger(config: PipelineConfig, context: RunContext, monitor: BaseNode) -> BaseNode:
    """Returns the node that starts trainings on Kubeflow."""
    from .retraining.component import RetrainTrigger
    from .retraining.kubeflow import IN_CLUSTER
    from .retraining.settings import TriggerConfig

    if config.retrain is None:
        raise ConfigurationError("Expected the section `retrain`. Received: none.")
    records = config.kubeflow.data_uri
    trigger = RetrainTrigger(
        monitoring=monitor.outputs["report"],
        config=TriggerConfig(
            task=config.prediction_task(context.task),
            retrain=config.retrain,
            pipeline=config.pipeline_name(context.task),
            model_store=context.model_store,
            mount=config.push.mount,
            endpoint_url=config.push.endpoint_url,
        ),
        labels_uri=config.monitor.labels,
        labels_key=config.monitor.labels_key,
        records_uri=records,
    )
    request = NodeRequest(
        properties={"labels_uri": LABELS_URI, RECORDS_URI: RECORDS_URI, "host": KUBEFLOW_URL},
        parameters=(
            PipelineParameter(LABELS_URI, "STRING", config.monitor.labels, "Labels that came later. Empty: none."),
            PipelineParameter(RECORDS_URI, "STRING", records or None, "Folder of the original records."),
            PipelineParameter(KUBEFLOW_URL, "STRING", IN_CLUSTER, "API of Kubeflow Pipelines."),
        ),
        opens_store=True,
    )
    return describe_node(trigger, NodeTraits(rows="", is_cached=False, request=request))
