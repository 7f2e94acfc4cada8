"""What a report is made from."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from ...tuner.record import Search
from ..report import Lineage, NewestComparison
from ..section import Section
from ..settings import ReportConfig
from .distributions import Statistics


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a report is made from.

    Args:
        config: `ReportConfig`.
        model_path: string. Folder of the candidate's SavedModel.
        example_files: sequence of paths of the gzip-compressed TFRecord files of the eval split.
        evaluation: path of the Evaluator's folder, or None.
        is_blessed: bool or None.
        baseline_path: string. Folder of the last blessed SavedModel, or None.
        statistics: mapping of split to its statistics.
        anomalies: mapping of split to its anomalies.
        schema: `Schema`.
        is_pushed: bool or None. Whether the model was pushed.
        push_rejection: string. Why it was not, where the Pusher rejected it.
        newest: `NewestComparison` or None. What the champion gate of a retraining decided.
        sections: tuple of `Section`, of the system's own.
        original_names: mapping of column to its name in the raw data.
        rows: mapping of `read`, `kept`, `quarantined` to counts.
        search: `Search` or None. The search before the training.
        train_files: sequence of paths likewise, of the split `train`; empty where there is none.
        attachments: path of the folder of what a reader attached to the examples, or None.
        lineage: `Lineage` as far as the caller knows it; the model's metadata adds the rest.
    """

    config: ReportConfig
    model_path: str
    example_files: Sequence[str]
    evaluation: Path | None = None
    is_blessed: bool | None = None
    baseline_path: str | None = None
    statistics: Statistics = dataclasses.field(default_factory=dict)
    anomalies: Mapping[str, anomalies_pb2.Anomalies] = dataclasses.field(default_factory=dict)
    schema: schema_pb2.Schema = dataclasses.field(default_factory=schema_pb2.Schema)
    is_pushed: bool | None = None
    push_rejection: str = ""
    newest: NewestComparison | None = None
    sections: tuple[Section, ...] = ()
    original_names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rows: Mapping[str, int] = dataclasses.field(default_factory=dict)
    search: Search | None = None
    train_files: Sequence[str] = ()
    attachments: Path | None = None
    lineage: Lineage = dataclasses.field(default_factory=Lineage)
