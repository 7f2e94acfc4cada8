"""Executor of `EvaluationReport`."""

import datetime
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from ...files import scratch_folder
from ..artifact_files import STATISTICS_FILE, local_copy, local_folder, read_schema, split_files
from ..example_gen import attachments
from ..example_validator.anomalies import read_anomalies
from ..pusher.settings import REJECTION
from ..tfx_api import model_utils, path_utils
from ..tuner.record import Search, read_search
from .analysis.build import build_report
from .analysis.inputs import Inputs
from .report import COMPARISON, Lineage, NewestComparison, Report
from .report_files import write_report
from .section import Section, load_sections
from .settings import ReportConfig
from .timing import read_node_seconds

EVAL, TRAIN = "eval", "train"
# In the order of the pipeline.
_MADE_IN_THE_RUN = (
    "examples",
    "schema",
    "statistics",
    "anomalies",
    "transform_graph",
    "tuner_results",
    "model",
    "evaluation",
    "pushed_model",
)

Artifacts = Mapping[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Gathers what the other nodes made, builds the report and writes it."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `report.html`, `report.json` and `slices.csv`.

        Raises:
            DataError: if the split `eval` has no record, or is absent.
            ModelError: if the model has no metadata or no signature for examples.
        """
        config = ReportConfig.from_property(exec_properties["settings"])
        sections = load_sections(config.task.extensions)
        with scratch_folder() as scratch:
            report = self._build(input_dict, config, tuple(sections.values()), scratch)
        with local_folder(artifact_utils.get_single_uri(output_dict["report"])) as folder:
            write_report(report, folder, config.report.language, sections)
            if config.profile_page:
                shutil.copy(config.profile_page, folder)

    def _build(
        self, input_dict: Artifacts, config: ReportConfig, sections: tuple[Section, ...], scratch: Path
    ) -> Report:
        model, examples, schema = (_one(input_dict, key) for key in ("model", "examples", "schema"))
        baseline, pushed = (_optional(input_dict, key) for key in ("baseline_model", "pushed_model"))
        blessing = _one(input_dict, "blessing")
        newest = blessing.get_string_custom_property(COMPARISON)
        original_names = examples.get_string_custom_property("original_names")
        return build_report(
            Inputs(
                config=config,
                sections=sections,
                model_path=path_utils.serving_model_path(model.uri),
                example_files=split_files(examples, EVAL),
                train_files=split_files(examples, TRAIN) if sections else (),
                attachments=_attachments(examples, scratch) if sections else None,
                evaluation=local_copy(_one(input_dict, "evaluation").uri, scratch / "evaluation"),
                is_blessed=model_utils.is_model_blessed(blessing),
                newest=NewestComparison.model_validate_json(newest) if newest else None,
                baseline_path=None if baseline is None else path_utils.serving_model_path(baseline.uri),
                statistics=_statistics(_one(input_dict, "statistics")),
                anomalies={
                    split: read_anomalies(artifact.uri, split)
                    for artifact in input_dict["anomalies"]
                    for split in artifact_utils.decode_split_names(artifact.split_names)
                },
                schema=read_schema(schema),
                is_pushed=None if pushed is None else bool(pushed.get_int_custom_property("pushed")),
                push_rejection="" if pushed is None else pushed.get_string_custom_property(REJECTION),
                original_names=json.loads(original_names) if original_names else {},
                rows={
                    name: examples.get_int_custom_property(f"rows_{name}") for name in ("read", "kept", "quarantined")
                },
                search=_search(_optional(input_dict, "tuner_results")),
                lineage=Lineage(
                    image=config.image,
                    run_id=(self._context and self._context.pipeline_run_id) or "",
                    created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                    data_fingerprint=examples.get_string_custom_property("data_fingerprint"),
                    span=str(examples.span),
                    model_uri=model.uri,
                    pushed_model_uri="" if pushed is None else pushed.get_string_custom_property("pushed_destination"),
                    node_seconds=read_node_seconds(
                        artifact for key in _MADE_IN_THE_RUN for artifact in input_dict.get(key, ())
                    ),
                ),
            )
        )


def _one(artifacts: Artifacts, key: str) -> types.Artifact:
    return artifact_utils.get_single_instance(artifacts[key])


def _optional(artifacts: Artifacts, key: str) -> types.Artifact | None:
    return _one(artifacts, key) if artifacts.get(key) else None


def _attachments(examples: types.Artifact, scratch: Path) -> Path | None:
    folder = f"{examples.uri}/{attachments.FOLDER}"
    return local_copy(folder, scratch / attachments.FOLDER) if fileio.isdir(folder) else None


def _search(artifact: types.Artifact | None) -> Search | None:
    if artifact is None:
        return None
    with scratch_folder() as scratch:
        return read_search(local_copy(artifact.uri, scratch / "search"))


def _statistics(artifact: types.Artifact) -> dict[str, statistics_pb2.DatasetFeatureStatistics]:
    found = {}
    for split in artifact_utils.decode_split_names(artifact.split_names):
        with fileio.open(f"{artifact.uri}/Split-{split}/{STATISTICS_FILE}", "rb") as file:
            found[split] = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read()).datasets[0]
    return found
