"""Executor of `StatisticsGen`."""

from typing import Any

from tfx import types
from tfx.types import artifact_utils

from ..array_executor import ArrayExecutor
from ..artifact_files import STATISTICS_FILE, num_rows, read_schema, split_files, unreadable
from ..engine import choose_engine
from ..examples import decode, read_examples
from ..tfx_api import io_utils


class Executor(ArrayExecutor):
    """Computes by arrays, or lets TFX's executor compute by Beam."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `Split-<name>/FeatureStats.pb` of each split.

        Raises:
            ConfigurationError: if arrays are asked for and the examples are in files that they cannot read.
        """
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        schema = read_schema(artifact_utils.get_single_instance(input_dict["schema"]))
        engine = choose_engine(
            exec_properties["engine"],
            "StatisticsGen",
            num_rows(examples),
            len(schema.feature),
            unreadable(examples),
        )
        # Imported where needed: TFDV takes a second, and all of TFX's components three.
        if engine == "beam":
            from ..tfx_api import statistics_gen_executor

            statistics_gen_executor.Executor(self._context).Do(input_dict, output_dict, {})
            return
        from .compute import compute_statistics

        statistics = artifact_utils.get_single_instance(output_dict["statistics"])
        statistics.split_names = examples.split_names
        statistics.span = examples.span
        for split in artifact_utils.decode_split_names(examples.split_names):
            batches = map(decode, read_examples(split_files(examples, split)))
            io_utils.write_bytes_file(
                f"{artifact_utils.get_split_uri([statistics], split)}/{STATISTICS_FILE}",
                compute_statistics(batches, schema).SerializeToString(),
            )
