"""`DriftMonitor`: a prediction log judged against what its models were trained on."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec

from ...model_store.location import check_location
from ..executor_path import ExecutorPath
from . import artifacts
from .settings import MonitorSettings, StoreSettings


class DriftMonitorSpec(component_spec.ComponentSpec):
    """Interface of `DriftMonitor`."""

    PARAMETERS = {
        "log": component_spec.ExecutionParameter(type=str),
        "labels": component_spec.ExecutionParameter(type=str),
        "store": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "store_settings": component_spec.ExecutionParameter(type=str),
        "title": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {"report": component_spec.ChannelParameter(type=artifacts.MonitorReport)}


class DriftMonitor(base_component.BaseComponent):
    """Shows whether a served model is asked what it was trained on, and how good it is by now.

    `report` holds one page that needs no network (`monitor.html`) and its numbers (`monitor.json`). Its properties are
    `verdict` (`"quiet"`, `"drift"` or `"too_few"`), `model` (the version that predicted last) and `drifted` (names,
    with commas between them). See `monitor.monitor`.

    Args:
        store: string. The model store of the pipeline, whose pushes hold what models were trained on.
        log: string. Folder of the prediction log, or a file; also in a bucket. Defaults to that of the settings; where
            that is empty too, the run must name it.
        labels: string. File or folder of labels that came later. Defaults to that of the settings.
        settings: `MonitorSettings`. Defaults to their defaults.
        store_settings: `StoreSettings`. How the store is reached. Defaults to their defaults.
        title: string. Of the page. Defaults to none.

    Raises:
        UsageError: if there cannot be a store at such a place.
    """

    SPEC_CLASS = DriftMonitorSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        store: str = "",
        log: str = "",
        labels: str = "",
        settings: MonitorSettings = MonitorSettings(),  # noqa: B008
        store_settings: StoreSettings = StoreSettings(),  # noqa: B008
        title: str = "",
    ) -> None:
        if store:  # Kubeflow Pipelines names the place in a run.
            check_location(store, store_settings.mount)
        super().__init__(
            DriftMonitorSpec(
                log=log or settings.log,
                labels=labels or settings.labels,
                store=store,
                settings=settings.to_property(),
                store_settings=store_settings.to_property(),
                title=title,
                report=types.Channel(artifacts.MonitorReport),
            )
        )
