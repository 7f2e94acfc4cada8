import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from yachay.components.example_gen.settings import Column, ColumnType, IngestSpec
from yachay.components.prediction_task import Label

COLUMNS = {
    "age": Column(type=ColumnType.INT64),
    "grade": Column(type=ColumnType.FLOAT32, required=False),
    "city": Column(type=ColumnType.STRING, required=False),
    "target": Column(type=ColumnType.STRING),
}
HEADER = "age,grade,city,target"


@dataclass
class Ingested:
    summary: Any
    records: dict[str, list[dict[str, Any]]]
    quarantine: list[dict[str, str]]

    @property
    def all_records(self) -> list[dict[str, Any]]:
        return [*self.records["train"], *self.records["eval"]]


@pytest.fixture
def student_columns() -> dict[str, Column]:
    from yachay.pipelines.config.load import load_config

    config = load_config(Path(__file__).parents[3] / "pipelines" / "student_dropout" / "config.yaml")
    names = [name for names in config.features.values() for name in names]
    floats = {name for name in names if name.endswith(("_grade", "_rate")) or name == "GDP"}
    columns = {name: Column(type=ColumnType.FLOAT32 if name in floats else ColumnType.INT64) for name in names}
    return {**columns, config.label.name: Column(type=ColumnType.STRING)}


@pytest.fixture
def make_spec() -> Callable[..., IngestSpec]:
    def make(**changes: Any) -> IngestSpec:
        label = Label(name="target", values=changes.pop("label_values", ("no", "yes")))
        return IngestSpec(**{"columns": COLUMNS, "label": label, "max_quarantined_share": 0.5, **changes})

    return make


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Writes `good` records after the given lines, so that both splits and both labels occur."""

    def write(
        *lines: str,
        header: str = HEADER,
        good: int = 40,
        name: str = "data.csv",
        end: str = "\n",
        encoding: str = "utf-8",
    ) -> Path:
        rows = [f"{20 + i},{i / 8},Cuzco,{'yes' if i % 2 else 'no'}" for i in range(good)]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = "".join(line + end for line in [header, *lines, *rows]).encode(encoding)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.fixture
def run_ingest(tmp_path: Path, make_spec: Callable[..., IngestSpec]) -> Callable[..., Ingested]:
    def run(path: Path | str, **changes: Any) -> Ingested:
        from yachay.components.example_gen.ingest import ingest
        from yachay.components.example_gen.inputs import resolve_input

        output, quarantine = tmp_path / "examples", tmp_path / "quarantine"
        summary = ingest(resolve_input(str(path)), make_spec(**changes), output, quarantine)
        with (quarantine / "quarantine.csv").open(newline="", encoding="utf-8") as stream:
            rejected = list(csv.DictReader(stream))
        return Ingested(summary, {split: read_split(output, split) for split in ("train", "eval")}, rejected)

    return run


def read_split(folder: Path, split: str) -> list[dict[str, Any]]:
    """Returns the records of a split, one of each shard in turn, with `None` for a missing value."""
    import tensorflow as tf

    shards = []
    for path in sorted((folder / f"Split-{split}").iterdir()):
        dataset = tf.data.TFRecordDataset(str(path), compression_type="GZIP")
        shards.append([_record(tf.train.Example.FromString(example)) for example in dataset.as_numpy_iterator()])
    longest = max(map(len, shards))
    return [shard[i] for i in range(longest) for shard in shards if i < len(shard)]


def _record(example: Any) -> dict[str, Any]:
    record = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        values = [v.decode() if kind == "bytes_list" else v for v in getattr(feature, kind).value] if kind else [None]
        record[name] = values if len(values) > 1 else values[0]
    return dict(sorted(record.items()))
