"""Components of the library beside TFX's own, compiled for Kubeflow and run step by step."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.pusher.component import Pusher
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2

from yachay.components.example_gen.component import ColumnarExampleGen
from yachay.components.example_gen.convert import add_bins
from yachay.components.features import to_identifier
from yachay.pipelines import chain
from yachay.pipelines.assembly import BEAM_ARGS
from yachay.pipelines.context import RunContext
from yachay.pipelines.kubeflow.compile.compiler import compile_pipeline
from yachay.pipelines.kubeflow.emulator.spec_run import run_spec
from yachay.pipelines.kubeflow.spec.package import read_package
from yachay.pipelines.registry import find_pipeline
from yachay.schemas.student_dropout.mock import write_mock_csv

pytestmark = pytest.mark.slow

IMAGE = "registry.example/yachay:1"


def run(pipeline, tmp_path, **compiling):
    path = tmp_path / "mixed.yaml"
    path.write_text(compile_pipeline(pipeline, IMAGE, **compiling).to_yaml())
    return run_spec(read_package(path), {}, None, tmp_path / "runs")


def test_our_ingest_feeds_stock_components_up_to_a_stock_pusher(tmp_path: Path):
    records = pd.DataFrame({"id": range(300), "x": [index % 7 for index in range(300)]})
    records["y"] = (records.x > 3).map({True: "yes", False: "no"})
    records.to_csv(tmp_path / "records.csv", index=False)
    ingest = ColumnarExampleGen(
        str(tmp_path / "records.csv"),
        {
            "columns": {"id": {"type": "int64"}, "x": {"type": "float32"}, "y": {"type": "string"}},
            "label": {"name": "y", "values": ["no", "yes"]},
            "split": {"method": "group", "key": "id"},
        },
    )
    examples = ingest.outputs["examples"]
    statistics = StatisticsGen(examples=examples)
    schema = SchemaGen(statistics=statistics.outputs["statistics"])
    validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"])
    trainer = Trainer(
        examples=examples, schema=schema.outputs["schema"], run_fn="sample_training.run_fn", custom_config={"units": 1}
    )
    pusher = Pusher(
        model=trainer.outputs["model"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(tmp_path / "pushed"))
        ),
    )

    nodes = [ingest, statistics, schema, validator, trainer, pusher]

    summary = run(
        Pipeline("mixed", "", components=nodes, beam_pipeline_args=list(BEAM_ARGS)), tmp_path, package="sample_training"
    )

    assert {node["state"] for node in summary.nodes} == {"done"}
    [model] = (tmp_path / "pushed").iterdir()
    assert (model / "saved_model.pb").is_file()


def test_stock_ingest_feeds_our_components_up_to_our_pusher_and_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_mock_csv(tmp_path / "mock.csv")
    records = pd.read_csv(tmp_path / "mock.csv", sep=None, engine="python")
    (tmp_path / "data").mkdir()
    batch = pa.RecordBatch.from_pandas(records.rename(columns=to_identifier))
    folder = find_pipeline("student_dropout")
    config = folder.load((), "mock")
    add_bins(batch, config.data.bins).to_pandas().to_csv(tmp_path / "data/records.csv", index=False)
    monkeypatch.setattr(
        chain, "ColumnarExampleGen", lambda input_pattern, spec: CsvExampleGen(input_base=str(tmp_path / "data"))
    )
    context = RunContext(
        task="semester2",
        data_uri="",
        schema_text=folder.schema_text(config),
        pipeline_root="",
        model_store=str(tmp_path / "models"),
        image=IMAGE,
    )

    summary = run(chain.create_pipeline(config, context), tmp_path)

    assert {node["state"] for node in summary.nodes} == {"done"}
    assert summary.verdict == "blessed", summary.reasons
    [push] = (tmp_path / "models").glob("push-*")
    assert json.loads((push / "push.json").read_text())["version"]
    assert Path(str(summary.report_uri)).is_file()
