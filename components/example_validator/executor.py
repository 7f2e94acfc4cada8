"""Executor of the gate."""

from typing import Any

from absl import logging
from tfx import types
from tfx.types import artifact_utils

from ..tfx_api import example_validator_executor as executor
from ..tfx_api import execution_result_pb2, io_utils
from .anomalies import find_anomalies, read_anomalies, reject


class Executor(executor.Executor):
    """Runs TFX's validation, then reads what it wrote."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> execution_result_pb2.ExecutorOutput:
        """Writes the anomalies of each split.

        Raises:
            DataError: if an anomaly is an error; the message lists each with its fix.
        """
        output = super().Do(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict["anomalies"])
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["schema"]))
        )
        anomalies = [
            anomaly
            for split in artifact_utils.decode_split_names(artifact.split_names)
            for anomaly in find_anomalies(split, read_anomalies(artifact.uri, split), schema)
        ]
        for anomaly in anomalies:
            logging.warning("%s", anomaly)
        reject(anomalies)
        return output
