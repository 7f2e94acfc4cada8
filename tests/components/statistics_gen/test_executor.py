"""The component's files, by either engine."""

from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts

from yachay.components.artifact_files import num_rows, unreadable
from yachay.components.statistics_gen.executor import Executor
from yachay.errors import ConfigurationError
from yachay.pipelines.assembly import BEAM_ARGS

pytestmark = pytest.mark.integration

SCHEMA = 'feature { name: "age" type: INT } feature { name: "city" type: BYTES }'
SPLITS = {"train": 30, "eval": 12}


@pytest.fixture
def examples(tmp_path: Path) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri, artifact.split_names, artifact.span = str(tmp_path / "examples"), '["train", "eval"]', 7
    for split, rows in SPLITS.items():
        folder = tmp_path / "examples" / f"Split-{split}"
        folder.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
            for row in range(rows):
                example = tf.train.Example()
                example.features.feature["age"].int64_list.value.append(row)
                example.features.feature["city"].bytes_list.value.append(b"Lima" if row % 3 else b"Cusco")
                writer.write(example.SerializeToString())
    return artifact


def run(examples: standard_artifacts.Examples, folder: Path, engine: str) -> standard_artifacts.ExampleStatistics:
    (folder / "schema").mkdir(parents=True)
    (folder / "schema" / "schema.pbtxt").write_text(SCHEMA)
    schema, statistics = standard_artifacts.Schema(), standard_artifacts.ExampleStatistics()
    schema.uri, statistics.uri = str(folder / "schema"), str(folder / "statistics")
    context = base_beam_executor.BaseBeamExecutor.Context(list(BEAM_ARGS), tmp_dir=str(folder / "tmp"))
    Executor(context).Do(
        {"examples": [examples], "schema": [schema]}, {"statistics": [statistics]}, {"engine": engine, "version": "1"}
    )
    return statistics


def test_both_engines_write_the_same_files(examples: standard_artifacts.Examples, tmp_path: Path):
    artifacts = {engine: run(examples, tmp_path / engine, engine) for engine in ("arrays", "beam")}

    for artifact in artifacts.values():
        assert (artifact.span, artifact.split_names) == (7, examples.split_names)
    files = [
        sorted(str(path.relative_to(artifact.uri)) for path in Path(artifact.uri).rglob("*.pb"))
        for artifact in artifacts.values()
    ]
    assert files[0] == files[1] == ["Split-eval/FeatureStats.pb", "Split-train/FeatureStats.pb"]
    for split, rows in SPLITS.items():
        arrays, stock = (
            tfdv.load_stats_binary(f"{artifact.uri}/Split-{split}/FeatureStats.pb") for artifact in artifacts.values()
        )
        assert arrays.datasets[0].num_examples == rows
        assert sorted(arrays.datasets[0].features, key=str) == sorted(stock.datasets[0].features, key=str)


def test_files_that_arrays_cannot_read_are_named(examples: standard_artifacts.Examples, tmp_path: Path):
    assert unreadable(examples) == ""
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    assert unreadable(examples) == ""
    examples.set_string_custom_property("payload_format", "FORMAT_PARQUET")

    with pytest.raises(ConfigurationError, match=r"in StatisticsGen. Received: .* payload_format 'FORMAT_PARQUET'"):
        run(examples, tmp_path / "run", "arrays")


def test_the_number_of_rows_is_known_where_each_split_has_it(examples: standard_artifacts.Examples):
    examples.set_int_custom_property("rows_train", 30)
    assert num_rows(examples) is None

    examples.set_int_custom_property("rows_eval", 12)
    assert num_rows(examples) == 42
