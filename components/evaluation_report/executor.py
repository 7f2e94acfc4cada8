"""Executor of `EvaluationReport`."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ..example_validator.anomalies import read_anomalies
from ..tfx_api import io_utils, model_utils, path_utils
from .analysis.build import build_report
from .analysis.inputs import Inputs
from .report import Lineage
from .report_files import write_report
from .section import load_sections
from .settings import ReportConfig
from .timing import read_node_seconds

EVAL = "eval"
STATISTICS_FILE = "FeatureStats.pb"
# In the order of the pipeline.
_MADE_IN_THE_RUN = (
    "examples",
    "schema",
    "statistics",
    "anomalies",
    "transform_graph",
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
            DataError: if the split `eval` has no record.
            ModelError: if the model has no metadata or no signature for examples.
        """
        config = ReportConfig.from_property(exec_properties["settings"])
        model, examples, schema = (_one(input_dict, key) for key in ("model", "examples", "schema"))
        baseline, pushed = (_optional(input_dict, key) for key in ("baseline_model", "pushed_model"))
        original_names = examples.get_string_custom_property("original_names")
        sections = load_sections(config.task.extensions)
        report = build_report(
            Inputs(
                config=config,
                sections=tuple(sections.values()),
                model_path=path_utils.serving_model_path(model.uri),
                example_files=sorted(tf.io.gfile.glob(f"{artifact_utils.get_split_uri([examples], EVAL)}/*")),
                evaluation=Path(_one(input_dict, "evaluation").uri),
                is_blessed=model_utils.is_model_blessed(_one(input_dict, "blessing")),
                baseline_path=None if baseline is None else path_utils.serving_model_path(baseline.uri),
                statistics=_statistics(_one(input_dict, "statistics")),
                anomalies={
                    split: read_anomalies(artifact.uri, split)
                    for artifact in input_dict["anomalies"]
                    for split in artifact_utils.decode_split_names(artifact.split_names)
                },
                schema=io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema.uri)),
                is_pushed=None if pushed is None else bool(pushed.get_int_custom_property("pushed")),
                push_refusal="" if pushed is None else pushed.get_string_custom_property("refusal"),
                original_names=json.loads(original_names) if original_names else {},
                rows={
                    name: examples.get_int_custom_property(f"rows_{name}") for name in ("read", "kept", "quarantined")
                },
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
        write_report(
            report, Path(artifact_utils.get_single_uri(output_dict["report"])), config.report.language, sections
        )


def _one(artifacts: Artifacts, key: str) -> types.Artifact:
    return artifact_utils.get_single_instance(artifacts[key])


def _optional(artifacts: Artifacts, key: str) -> types.Artifact | None:
    return _one(artifacts, key) if artifacts.get(key) else None


def _statistics(artifact: types.Artifact) -> dict[str, statistics_pb2.DatasetFeatureStatistics]:
    found = {}
    for split in artifact_utils.decode_split_names(artifact.split_names):
        content = Path(artifact.uri, f"Split-{split}", STATISTICS_FILE).read_bytes()
        found[split] = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets[0]
    return found
