"""Executors of `RunTracker` and `FailureTracker`."""

import json
import tempfile
from pathlib import Path
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...files import write_atomically
from ..artifact_files import STATISTICS_FILE, local_copy, local_folder
from ..evaluation_report import report_files
from ..evaluation_report.report import Report
from ..evaluation_report.timing import read_node_peak_bytes, read_node_seconds
from .deliver import Delivery, deliver, note_delivery
from .describe import describe_run
from .failure import track_failure
from .record import PushedModel, RunRecord
from .settings import TrackerConfig
from .spool import OUTPUT_SPOOL

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Gathers what the other nodes made, and sends it."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Sends the run, or keeps it in the spool; it never fails."""
        config = TrackerConfig.from_property(exec_properties["config"])
        tracking = artifact_utils.get_single_instance(output_dict["tracking"])
        with tempfile.TemporaryDirectory(prefix="yachay-") as scratch, local_folder(tracking.uri) as folder:
            try:
                record = self._record(input_dict, config, exec_properties["store"], Path(scratch))
                delivery = deliver(record, Path(config.spool or folder / OUTPUT_SPOOL))
            except Exception as error:
                logging.exception("The run cannot be described")
                delivery = Delivery("lost", reason=f"{type(error).__name__}: {error}")
            if delivery.reason:
                logging.warning("The run is %s: %s", delivery.state, delivery.reason)
            note_delivery(tracking, delivery)

    def _record(self, inputs: Artifacts, config: TrackerConfig, store: str, scratch: Path) -> RunRecord:
        report_folder = local_copy(artifact_utils.get_single_uri(inputs["report"]), scratch / "report")
        report = Report.model_validate_json((report_folder / report_files.REPORT).read_bytes())
        made = [artifact for artifacts in inputs.values() for artifact in artifacts]
        return describe_run(
            report,
            config,
            (self._context.pipeline_run_id if self._context else None) or "unnamed",
            read_node_seconds(made),
            read_node_peak_bytes(made),
            _files(inputs, report, report_folder, config, scratch),
            _push(inputs, config, store),
        )


class FailureExecutor(base_executor.BaseExecutor):
    """Sends a run that failed."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Sends the run, or keeps it in the spool; it never fails."""
        config = TrackerConfig.from_property(exec_properties["config"])
        tracking = artifact_utils.get_single_instance(output_dict["tracking"])
        run_id = (self._context.pipeline_run_id if self._context else None) or "unnamed"
        with local_folder(tracking.uri) as folder:
            delivery = track_failure(config, run_id, exec_properties["status"], folder / OUTPUT_SPOOL)
        if delivery.reason:
            logging.warning("The run is %s: %s", delivery.state, delivery.reason)
        note_delivery(tracking, delivery)


def _files(
    inputs: Artifacts, report: Report, report_folder: Path, config: TrackerConfig, scratch: Path
) -> dict[str, str]:
    """Returns the files to log by their paths on the server."""
    lineage, resolved = scratch / "lineage.json", scratch / "config.yaml"
    write_atomically(lineage, json.dumps(report.lineage.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")
    write_atomically(resolved, config.config_yaml)
    names = (report_files.PAGE, report_files.REPORT, report_files.SLICES)
    files = {f"report/{name}": report_folder / name for name in names}
    files |= {"lineage.json": lineage, "config.yaml": resolved}
    schema = local_copy(artifact_utils.get_single_uri(inputs["schema"]), scratch / "schema")
    files |= {path.name: path for path in schema.glob("*.pbtxt")}
    [statistics] = inputs["statistics"]
    folder = local_copy(statistics.uri, scratch / "statistics")
    for split in artifact_utils.decode_split_names(statistics.split_names):
        files[f"statistics/{split}/{STATISTICS_FILE}"] = folder / f"Split-{split}" / STATISTICS_FILE
    return {name: str(path) for name, path in files.items()}


def _push(inputs: Artifacts, config: TrackerConfig, store: str) -> PushedModel | None:
    """Returns what was pushed, where it was pushed to a store."""
    [pushed] = inputs["pushed_model"]
    if not pushed.get_int_custom_property("pushed"):
        return None
    return PushedModel(
        name=config.model_name,
        store=store or pushed.get_string_custom_property("pushed_destination").rpartition("/push-")[0],
        mount=config.store_mount,
        endpoint_url=config.store_endpoint_url,
        version=int(pushed.get_string_custom_property("pushed_version")),
    )
