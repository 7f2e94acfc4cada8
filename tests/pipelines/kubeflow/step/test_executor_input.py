import json

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from yachay.errors import UsageError
from yachay.pipelines.kubeflow.step.executor_input import read_executor_input, write_executor_output

COMPONENT = {
    "inputDefinitions": {
        "artifacts": {
            "model": {"artifactType": {"schemaTitle": "tfx.Model"}},
            "baseline": {"artifactType": {"schemaTitle": "tfx.Model"}, "isOptional": True},
        },
        "parameters": {
            "seed": {"parameterType": "NUMBER_INTEGER"},
            "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5},
            "note": {"parameterType": "STRING", "isOptional": True},
        },
    },
    "outputDefinitions": {
        "artifacts": {"blessing": {"artifactType": {"schemaTitle": "tfx.ModelBlessing"}}},
        "parameters": {"uri": {"parameterType": "STRING"}},
    },
}
METADATA = {"blessed": 1.0, "store_session_info": "{}", "display_name": "model", "_kfp_schema_title": "tfx.Model"}


@pytest.fixture
def given(tmp_path, monkeypatch):
    """An executor input as KFP's driver and launcher make it."""
    monkeypatch.setenv("YACHAY_MOUNT_ROOT", str(tmp_path))
    run = "minio://mlpipeline/v2/artifacts/p/run"

    def artifact(name, key, kind):
        return {"artifacts": [{"name": name, "type": kind, "uri": f"{run}/{key}", "metadata": dict(METADATA)}]}

    return {
        "inputs": {
            "parameterValues": {"seed": 42.0},
            "artifacts": {
                "model": artifact("22", "model", {"instanceSchema": ""}),
                "baseline": artifact("", "none", {"instanceSchema": ""}),
                "undeclared": artifact("9", "x", {"instanceSchema": ""}),
            },
        },
        "outputs": {
            "artifacts": {
                "blessing": artifact("blessing", "blessing", {"schemaTitle": "tfx.ModelBlessing"}),
                "executor-logs": artifact("executor-logs", "logs", {"schemaTitle": "system.Artifact"}),
            },
            "parameters": {"uri": {"outputFile": str(tmp_path / "parameters" / "uri")}},
            "outputFile": str(tmp_path / "out" / "output_metadata.json"),
        },
        "fieldOfAComingVersion": True,
    }


def test_the_component_says_what_is_there_and_of_which_type(given):
    step = read_executor_input(given, COMPONENT)
    assert list(step.inputs) == ["model"]
    assert list(step.outputs) == ["blessing"]
    assert step.inputs["model"][0].type == "tfx.Model"


def test_the_launchers_own_metadata_is_left_out(given):
    assert read_executor_input(given, COMPONENT).inputs["model"][0].metadata == {"blessed": 1.0}


def test_an_optional_input_without_files_is_absent_and_one_with_files_is_named_by_its_uri(given, tmp_path):
    place = tmp_path / "minio/mlpipeline/v2/artifacts/p/run/none"
    place.mkdir(parents=True)
    assert "baseline" not in read_executor_input(given, COMPONENT).inputs
    (place / "saved_model.pb").touch()
    [baseline] = read_executor_input(given, COMPONENT).inputs["baseline"]
    assert baseline.name == baseline.uri == "minio://mlpipeline/v2/artifacts/p/run/none"


def test_whole_numbers_are_whole_and_defaults_are_filled_in(given):
    assert read_executor_input(given, COMPONENT).parameters == {"seed": 42, "rate": 0.5}
    assert isinstance(read_executor_input(given, COMPONENT).parameters["seed"], int)


@pytest.mark.parametrize(
    ("side", "kind", "name", "missing"),
    [
        ("inputs", "artifacts", "model", "the artifact model"),
        ("inputs", "parameterValues", "seed", "the parameter seed"),
        ("outputs", "artifacts", "blessing", "the artifact blessing"),
        ("outputs", "parameters", "uri", "outputs.parameters.uri"),
    ],
)
def test_something_declared_that_is_not_given_is_rejected(given, side, kind, name, missing):
    del given[side][kind][name]
    with pytest.raises(UsageError, match=f"to hold {missing}, as the component declares"):
        read_executor_input(given, COMPONENT)


def test_the_response_is_what_the_launcher_reads(given, tmp_path):
    step = read_executor_input(given, COMPONENT)
    model = step.inputs["model"][0]
    metadata = {
        "current_model": f"{model.path}/1",
        "share": float("nan"),
        "names": ["a"],
        "nothing": None,
        "blessed": 1,
    }
    write_executor_output(step, {"blessing": metadata}, {"uri": "gs://b"})
    output = json.loads(step.output_file.read_text())
    json_format.ParseDict(output, pipeline_spec_pb2.ExecutorOutput())
    assert output["artifacts"] == {
        "blessing": {
            "artifacts": [
                {
                    "uri": "minio://mlpipeline/v2/artifacts/p/run/blessing",
                    "metadata": {
                        "current_model": f"{model.uri}/1",
                        "share": "nan",
                        "names": '["a"]',
                        "blessed": 1,
                    },
                }
            ]
        }
    }
    assert output["parameterValues"] == {"uri": "gs://b"}
    assert (tmp_path / "parameters" / "uri").read_text() == "gs://b"
