"""Our ingest beside stock components of TFX, on their file systems and in their pipelines."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

SCHEMA = """
feature { name: "x" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
feature { name: "noise" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
feature { name: "y" type: BYTES presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
"""
SPEC = {
    "columns": {"x": {"type": "int64"}, "noise": {"type": "int64"}, "y": {"type": "string"}},
    "label": {"name": "y", "values": ["no", "yes"]},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    generator = np.random.default_rng(1)
    x = generator.integers(0, 20, 400)
    folder = tmp_path / "data"
    folder.mkdir()
    table = pd.DataFrame({"x": x, "noise": generator.integers(0, 9, 400), "y": np.where(x > 9, "yes", "no")})
    table.to_csv(folder / "data.csv", index=False)
    return folder


def test_on_a_root_in_a_store_the_files_are_written_to_the_store(data: Path, tmp_path: Path, monkeypatch):
    from tfx.dsl.io import filesystem_registry
    from tfx.dsl.io.plugins import tensorflow_gfile
    from tfx.types import standard_artifacts

    from yachay.components.example_gen.artifacts import Quarantine
    from yachay.components.example_gen.component import ColumnarExampleGen
    from yachay.components.example_gen.executor import Executor

    class Memory(tensorflow_gfile.TensorflowFilesystem):
        SUPPORTED_SCHEMES = ["ram://"]  # noqa: RUF012

    filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.register(Memory, 10)
    monkeypatch.chdir(tmp_path)
    examples, quarantine = standard_artifacts.Examples(), Quarantine()
    examples.uri, quarantine.uri = "ram://ingest/examples", "ram://ingest/quarantine"
    component = ColumnarExampleGen(str(data), SPEC)
    Executor().Do({}, {"examples": [examples], "quarantine": [quarantine]}, dict(component.exec_properties))

    files = tf.io.gfile.glob("ram://ingest/examples/Split-*/*")
    assert sum(1 for _ in tf.data.TFRecordDataset(files, compression_type="GZIP")) == 400
    assert tf.io.gfile.exists("ram://ingest/quarantine/quarantine.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def run(tmp_path: Path, components: list) -> None:
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.metadata import sqlite_metadata_connection_config
    from tfx.orchestration.pipeline import Pipeline

    from yachay.pipelines.assembly import BEAM_ARGS

    pipeline = Pipeline(
        pipeline_name="pairs",
        pipeline_root=str(tmp_path / "root"),
        components=components,
        metadata_connection_config=sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite")),
        beam_pipeline_args=list(BEAM_ARGS),
    )
    LocalDagRunner().run(pipeline)


@pytest.mark.end_to_end
def test_stock_components_take_our_examples(data: Path, tmp_path: Path):
    from tfx.components.schema_gen.component import SchemaGen
    from tfx.components.statistics_gen.component import StatisticsGen

    from yachay.components.example_gen.component import ColumnarExampleGen

    ingest = ColumnarExampleGen(str(data), SPEC)
    statistics = StatisticsGen(examples=ingest.outputs["examples"])
    schema = SchemaGen(statistics=statistics.outputs["statistics"])
    run(tmp_path, [ingest, statistics, schema])
    (path,) = tmp_path.glob("root/SchemaGen/schema/*/schema.pbtxt")
    assert all(f'name: "{name}"' in path.read_text() for name in SPEC["columns"])


@pytest.mark.end_to_end
def test_our_components_take_the_examples_of_a_stock_ingest(data: Path, tmp_path: Path):
    from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
    from tfx.components.statistics_gen.component import StatisticsGen

    from yachay.components.curated_schema.component import CuratedSchema
    from yachay.components.example_validator.component import ExampleValidator

    ingest = CsvExampleGen(input_base=str(data))
    schema = CuratedSchema(schema_text=SCHEMA)
    statistics = StatisticsGen(examples=ingest.outputs["examples"], schema=schema.outputs["schema"])
    validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"])
    run(tmp_path, [ingest, schema, statistics, validator])
    assert list(tmp_path.glob("root/ExampleValidator/anomalies/*/Split-eval/*"))
