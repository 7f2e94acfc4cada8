"""Executor of `SearchMerger`."""

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...files import scratch_folder
from ..artifact_files import local_copy
from ..tuner.executor import write_results
from ..tuner.record import read_search
from .merge import merge


class Executor(base_executor.BaseExecutor):
    """Reads searches, and writes them as one."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `best_hyperparameters` and `tuner_results`.

        Raises:
            DataError: if an input holds no search.
        """
        found = []
        for name in sorted(input_dict, key=lambda name: int(name.rpartition("_")[2])):
            with scratch_folder() as scratch:
                uri = artifact_utils.get_single_uri(input_dict[name])
                found.append(read_search(local_copy(uri, scratch / "search")))
        write_results(merge(found), output_dict)
