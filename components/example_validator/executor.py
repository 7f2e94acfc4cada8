"""Executor of the gate."""

from typing import Any

from absl import logging
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ..artifact_files import STATISTICS_FILE, read_schema
from ..tfx_api import io_utils
from .anomalies import ANOMALIES_FILE, Anomaly, find_anomalies, reject, validate


class Executor(base_executor.BaseExecutor):
    """Has TFDV compare each split, writes what it found, and rejects errors."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `Split-<name>/SchemaDiff.pb` of each split.

        Raises:
            DataError: if an anomaly is an error; the message lists each with its fix.
        """
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        artifact = artifact_utils.get_single_instance(output_dict["anomalies"])
        artifact.split_names = statistics.split_names
        artifact.span = statistics.span
        schema = read_schema(artifact_utils.get_single_instance(input_dict["schema"]))
        found: list[Anomaly] = []
        blessed: dict[str, int] = {}
        for split in artifact_utils.decode_split_names(statistics.split_names):
            path = f"{artifact_utils.get_split_uri([statistics], split)}/{STATISTICS_FILE}"
            statistics_list = statistics_pb2.DatasetFeatureStatisticsList.FromString(io_utils.read_bytes_file(path))
            anomalies = validate(statistics_list, schema)
            io_utils.write_bytes_file(
                f"{artifact_utils.get_split_uri([artifact], split)}/{ANOMALIES_FILE}", anomalies.SerializeToString()
            )
            of_split = find_anomalies(split, anomalies, schema)
            blessed[split] = int(not of_split)
            found += of_split
        artifact.set_json_value_custom_property("blessed", blessed)
        for anomaly in found:
            logging.warning("%s", anomaly)
        reject(found)
