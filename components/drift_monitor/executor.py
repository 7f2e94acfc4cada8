"""Executor of `DriftMonitor`."""

from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...model_store.location import open_store
from ...serving.prediction_records import read_key
from ..artifact_files import local_folder
from .metrics import push_metrics
from .monitor import monitor
from .output import PAGE_FILE, write_result
from .references import PushedReferences
from .settings import MonitorSettings, StoreSettings, require_log


class Executor(base_executor.BaseExecutor):
    """Judges the log and writes what it finds."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `monitor.html` and `monitor.json`, and sends the metrics to a gateway where one is named.

        Raises:
            UsageError: if no log is named.
            DataError: if there is no log that can be judged.
            ModelError: if no push holds what its model was trained on.
            StoreError: if the store cannot be read.
        """
        settings = MonitorSettings.from_property(exec_properties["settings"])
        place = StoreSettings.from_property(exec_properties["store_settings"])
        store = open_store(exec_properties["store"], place.mount, place.endpoint_url)
        result = monitor(
            require_log(exec_properties["log"]),
            PushedReferences(store),
            settings,
            labels=exec_properties["labels"],
            labels_key=settings.labels_key,
            hash_key=read_key(None),
        )
        report = artifact_utils.get_single_instance(output_dict["report"])
        with local_folder(report.uri) as folder:
            result = write_result(result, folder, exec_properties["title"], page_uri=f"{report.uri}/{PAGE_FILE}")
        report.set_string_custom_property("verdict", result.verdict)
        report.set_string_custom_property("model", result.model)
        report.set_string_custom_property("drifted", ",".join(dict.fromkeys(one.name for one in result.reasons)))
        logging.info("%s", f"The log of {result.model} is judged: {result.verdict}.")
        if settings.push_gateway:
            push_metrics(result, settings.push_gateway, exec_properties["title"] or result.model)
