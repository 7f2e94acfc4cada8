"""The pipeline `predict` of any configuration."""

import pytest

from yachay.errors import ConfigurationError
from yachay.pipelines.config.beam_settings import BeamSettings
from yachay.pipelines.kubeflow.compile.configured import compile_configuration
from yachay.pipelines.registry import find_pipeline

STORE = ["push.store=s3://models/yachay", "push.endpoint_url=http://minio:9000"]


def test_a_run_names_records_and_output_and_the_step_opens_the_store() -> None:
    folder = find_pipeline("student_dropout")
    config = folder.load([*STORE, "predict.output=s3://lake/predictions.parquet"])

    spec = compile_configuration(folder, config, "semester2", "image:1", "predict").pipeline_spec

    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["output_uri"]["defaultValue"] == "s3://lake/predictions.parquet"
    assert "defaultValue" not in parameters["data_uri"]
    [executor] = spec["deploymentSpec"]["executors"].values()
    assert "BatchPredictor" in str(executor)


def test_a_champion_has_to_lie_where_a_step_finds_it() -> None:
    folder = find_pipeline("student_dropout")

    with pytest.raises(ConfigurationError, match=r"Expected push\.store to name the model store"):
        compile_configuration(folder, folder.load(), "semester2", "image:1", "predict")


def test_the_configuration_names_the_beam_runner() -> None:
    folder = find_pipeline("student_dropout")
    config = folder.load(
        [*STORE, "beam.runner=FlinkRunner", "beam.options={flink_master: 'flink:8081', streaming: false}"]
    )

    compiled = compile_configuration(folder, config, "semester2", "image:1", "predict").to_yaml()

    assert "--runner=FlinkRunner" in compiled
    assert "--flink_master=flink:8081" in compiled
    with pytest.raises(ValueError, match="without dashes"):
        BeamSettings(options={"--runner": "x"})
