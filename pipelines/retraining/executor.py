"""Executor of `RetrainTrigger`."""

from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...components.drift_monitor.labels import read_labels
from ...components.drift_monitor.output import JSON_FILE
from ...components.drift_monitor.result import MonitorResult
from ..kubeflow.client.client import check_host, connect, quiet
from .kubeflow import IN_CLUSTER, Place, retrain
from .settings import TriggerConfig

DECISION_FILE = "decision.json"


class Executor(base_executor.BaseExecutor):
    """Reads the monitor's result, decides, and starts a run."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the decision.

        Raises:
            YachayError: if the API, the state, the log or the labels cannot be used.
        """
        config = TriggerConfig.from_property(exec_properties["config"])
        monitoring = Path(artifact_utils.get_single_uri(input_dict["monitoring"]))
        decision_artifact = artifact_utils.get_single_instance(output_dict["decision"])
        result = MonitorResult.model_validate_json((monitoring / JSON_FILE).read_bytes())
        labels = None
        if uri := exec_properties["labels_uri"]:
            labels = read_labels(uri, config.task, exec_properties["labels_key"])
        with quiet():
            client = connect(check_host(exec_properties["host"] or IN_CLUSTER))
        place = Place(client, exec_properties["records_uri"], exec_properties["experiment"] or "Default")
        decision = retrain(config, place, result, labels, lambda line: print(line, flush=True))
        Path(decision_artifact.uri, DECISION_FILE).write_text(decision.to_json() + "\n", encoding="utf-8")
        decision_artifact.set_int_custom_property("starts", int(decision.starts))
        decision_artifact.set_string_custom_property("reason", decision.reason)
        decision_artifact.set_string_custom_property("run_id", decision.run_id)
