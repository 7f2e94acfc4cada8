"""Executor of `ColumnarExampleGen`."""

import json
import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...errors import DataError
from ..artifact_files import local_folder
from .driver import FINGERPRINT
from .ingest import IngestSummary, ingest
from .inputs import resolve_input
from .settings import IngestSpec
from .write import SPLITS

log = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """Resolves the input, ingests it, and writes the counts on the artifact.

    It works with or without a driver before it: Kubeflow runs none.
    """

    NEEDS_NO_DRIVER = True  # The compiler for Kubeflow rejects other components with a driver of their own.

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Ingests.

        Raises:
            DataError: if the data cannot be used as it is.
        """
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        quarantine = artifact_utils.get_single_instance(output_dict["quarantine"])
        source = resolve_input(exec_properties["input_pattern"])
        if exec_properties.get(FINGERPRINT, source.fingerprint) != source.fingerprint:
            raise DataError(
                f"Expected {exec_properties['input_pattern']} to stay as it is during a run. Received: other contents "
                "than when the run began. Run again once the files are complete."
            )
        spec = IngestSpec.from_property(exec_properties["spec"])
        with local_folder(examples.uri) as examples_folder, local_folder(quarantine.uri) as quarantine_folder:
            summary = ingest(source, spec, examples_folder, quarantine_folder)
        for warning in summary.warnings:
            log.warning("%s", warning)
        _annotate(examples, summary)
        quarantine.set_int_custom_property("rows_quarantined", summary.rows_quarantined)


def _annotate(examples: types.Artifact, summary: IngestSummary) -> None:
    examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
    examples.span = summary.span
    # Where stock ExampleGens put them, and where TFX's readers look.
    examples.set_int_custom_property("span", summary.span)
    if summary.version is not None:
        examples.version = summary.version
        examples.set_int_custom_property("version", summary.version)
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    for name in ("rows_read", "rows_kept", "rows_quarantined", "rows_duplicate"):
        examples.set_int_custom_property(name, getattr(summary, name))
    for split, count in summary.rows_by_split.items():
        examples.set_int_custom_property(f"rows_{split}", count)
    examples.set_string_custom_property("data_fingerprint", summary.data_fingerprint)
    examples.set_string_custom_property("original_names", json.dumps(dict(summary.original_names), ensure_ascii=False))
    examples.set_string_custom_property("warnings", json.dumps(list(summary.warnings), ensure_ascii=False))
