import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from yachay.components.evaluation_report.timing import read_node_seconds
from yachay.errors import DataError
from yachay.pipelines.kubeflow.spec.options import StepOptions
from yachay.pipelines.kubeflow.spec.views import REPORT, VIEWS
from yachay.pipelines.kubeflow.step import entrypoint
from yachay.pipelines.kubeflow.step.execution import execution_properties, find_raw_data
from yachay.pipelines.kubeflow.step.executor_input import StepArtifact, StepInput
from yachay.pipelines.kubeflow.step.pointer import read_pointer
from yachay.pipelines.kubeflow.step.tfx_artifacts import make_artifact
from yachay.pipelines.kubeflow.step.views import write_views
from yachay.pipelines.node import Assignment, RawData

RUN = "minio://mlpipeline/v2/artifacts/dropout/run-1"


@pytest.fixture
def mounts(tmp_path, monkeypatch):
    """The folder in which the launcher's mounts lie."""
    monkeypatch.setenv("YACHAY_MOUNT_ROOT", str(tmp_path / "mounts"))
    monkeypatch.setenv("YACHAY_OBJECT_STORE", str(tmp_path / "store"))
    return tmp_path / "mounts/minio/mlpipeline/v2/artifacts/dropout/run-1"


def arguments(tmp_path, executor, *, inputs=None, outputs=None, parameters=None, options=None):
    """A step's arguments as the launcher fills them in.

    Args:
        inputs: dict of name to its artifact's type and metadata.
        outputs: dict of name to type.
        parameters: dict of name to type and value.
    """
    inputs, outputs, parameters = inputs or {}, outputs or {"model": "tfx.Model"}, parameters or {}
    component = {
        "inputDefinitions": {
            "artifacts": {
                key: {"artifactType": {"schemaTitle": kind}, "isOptional": key.startswith("optional")}
                for key, (kind, _) in inputs.items()
            },
            "parameters": {name: {"parameterType": kind} for name, (kind, _) in parameters.items()},
        },
        "outputDefinitions": {
            "artifacts": {key: {"artifactType": {"schemaTitle": kind}} for key, kind in outputs.items()}
        },
    }

    def artifact(name, key, **fields):
        return {"artifacts": [{"name": name, "type": {"instanceSchema": ""}, "uri": f"{RUN}/{key}", **fields}]}

    executor_input = {
        "inputs": {
            "artifacts": {key: artifact("7", key, metadata=metadata) for key, (_, metadata) in inputs.items()},
            "parameterValues": {name: value for name, (_, value) in parameters.items()},
        },
        "outputs": {
            "artifacts": {key: artifact(key, key) for key in [*outputs, "executor-logs"]},
            "outputFile": str(tmp_path / "output_metadata.json"),
        },
    }
    return [
        *("--node", "Sample", "--executor", executor),
        *("--component", json.dumps(component)),
        *("--options", (options or StepOptions("dropout")).to_json()),
        *("--executor-input", json.dumps(executor_input)),
    ]


def output(tmp_path, key="model"):
    document = json.loads((tmp_path / "output_metadata.json").read_text())
    [artifact] = document["artifacts"][key]["artifacts"]
    return artifact


def last_line(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_an_executor_gets_local_paths_and_responds_with_uris(tmp_path, mounts, capsys):
    status = entrypoint.main(arguments(tmp_path, "sample_components.Executor"))
    assert status == 0
    assert (mounts / "model/weights").exists()
    assert output(tmp_path)["uri"] == f"{RUN}/model"
    assert output(tmp_path)["metadata"]["written_to"] == f"{RUN}/model/weights"
    report = last_line(capsys)
    assert (report["node"], report["state"], report["rows"]) == ("Sample", "done", None)
    assert report["peak_memory_mb"] > 0


def test_types_and_properties_of_inputs_survive_the_store(tmp_path, mounts):
    inputs = {"blessing": ("tfx.ModelBlessing", {"blessed": 1.0}), "examples": ("tfx.Examples", {"span": 2.0})}
    entrypoint.main(arguments(tmp_path, "sample_components.Executor", inputs=inputs))
    metadata = output(tmp_path)["metadata"]
    assert metadata["blessing_blessed"] == 1
    assert metadata["blessing_id"] == "7"


def test_examples_that_are_made_of_others_have_their_counts(tmp_path, mounts, capsys):
    inputs = {"examples": ("tfx.Examples", {"rows_train": 3097.0, "span": 2.0})}
    outputs = {"model": "tfx.Model", "transformed_examples": "tfx.Examples"}
    options = StepOptions("dropout", rows="rows_train")
    entrypoint.main(arguments(tmp_path, "sample_components.Executor", inputs=inputs, outputs=outputs, options=options))
    assert output(tmp_path, "transformed_examples")["metadata"]["rows_train"] == 3097
    assert "rows_train" not in output(tmp_path, "model")["metadata"]
    assert last_line(capsys)["rows"] == 3097


def test_what_a_step_made_says_how_long_it_took(tmp_path, mounts):
    entrypoint.main(arguments(tmp_path, "sample_components.Executor"))
    metadata = output(tmp_path)["metadata"]
    assert metadata["node_seconds"] >= 0
    came_in = StepArtifact("tfx.Model", f"{RUN}/model", "/model", "7", metadata | {"node_seconds": 3.25})
    assert read_node_seconds([make_artifact(came_in, {})]) == {"Sample": 3.25}


def test_an_input_that_did_not_come_through_the_store_is_an_empty_folder(tmp_path, mounts):
    entrypoint.main(arguments(tmp_path, "sample_components.Executor", inputs={"base": ("tfx.Model", {})}))
    assert (mounts / "base").is_dir()


def test_an_optional_input_that_is_absent_is_left_out(tmp_path, mounts):
    inputs = {"optional_baseline": ("tfx.Model", {})}
    entrypoint.main(arguments(tmp_path, "sample_components.Executor", inputs=inputs))
    assert output(tmp_path)["metadata"]["num_inputs"] == 0


def test_a_report_is_shown_by_further_outputs_whose_metadata_are_lists_and_objects(tmp_path, mounts):
    kinds = {output: kind for output, (kind, _) in VIEWS.items() if not output.endswith("_page")}
    step = arguments(
        tmp_path,
        "sample_components.ReportExecutor",
        outputs={REPORT: "yachay.SampleReport", **kinds},
        options=StepOptions(
            "dropout", views=tuple(kinds), types={"yachay.SampleReport": "sample_components.SampleReport"}
        ),
    )

    assert entrypoint.main(step) == 0

    assert (mounts / "page").read_text() == (mounts / "report/report.html").read_text()
    assert (mounts / "summary").read_text().startswith("# BLESSED")
    assert output(tmp_path, "page")["metadata"] == {"display_name": "Evaluation"}
    metrics = output(tmp_path, "metrics")["metadata"]
    assert metrics == {"display_name": "Metrics", "accuracy": 0.8, "macro_f1": 0.7, "blessed": 1.0}
    classification = output(tmp_path, "classification")["metadata"]
    assert classification["confusionMatrix"]["rows"][0] == {"row": [3, 1, 0]}
    assert classification["confidenceMetrics"][0]["confidenceThreshold"] == 1.0
    assert json.loads((mounts / "classification").read_text()).keys() < classification.keys()


def test_the_page_of_a_recommendation_is_shown_by_a_further_output(tmp_path):
    folder = tmp_path / "recommendation"
    folder.mkdir()
    (folder / "recommendation.html").write_text("<p>Plan</p>")
    outputs = {"recommendation": SimpleNamespace(path=str(folder))}
    places = {"recommendation_page": SimpleNamespace(path=str(tmp_path / "out/page"))}

    assert write_views(outputs, places) == {"recommendation_page": {"display_name": "Recommendation"}}
    assert (tmp_path / "out/page").read_text() == "<p>Plan</p>"


def test_the_page_of_the_monitor_is_shown_by_a_further_output(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "monitor.html").write_text("<p>Drift</p>")
    outputs = {"report": SimpleNamespace(path=str(folder))}
    places = {"monitoring_page": SimpleNamespace(path=str(tmp_path / "out/page"))}

    assert write_views(outputs, places) == {"monitoring_page": {"display_name": "Monitoring"}}
    assert (tmp_path / "out/page").read_text() == "<p>Drift</p>"


def test_a_failing_executor_leaves_no_output_and_says_why_in_the_last_line(tmp_path, mounts, capsys):
    parameters = {"fail": ("NUMBER_INTEGER", 1)}
    status = entrypoint.main(arguments(tmp_path, "sample_components.Executor", parameters=parameters))
    assert status == 1
    report = last_line(capsys)
    assert (report["state"], report["error"]) == ("failed", "ValueError: the weights exploded")
    assert not (mounts / "model").exists()
    assert not (tmp_path / "output_metadata.json").exists()


def test_an_error_for_people_is_reported_whole(tmp_path, mounts, capsys):
    options = StepOptions("dropout", raw_data=RawData("input_pattern", "raw_data", None), arguments=("data_uri",))
    parameters = {"data_uri": ("STRING", "")}
    entrypoint.main(arguments(tmp_path, "sample_components.Executor", parameters=parameters, options=options))
    assert last_line(capsys)["error"].startswith("Expected the parameter data_uri to name records")


def test_what_an_earlier_attempt_left_is_not_in_the_output(tmp_path, mounts):
    (mounts / "model").mkdir(parents=True)
    (mounts / "model/leftover").touch()
    entrypoint.main(arguments(tmp_path, "sample_components.Executor"))
    assert [path.name for path in (mounts / "model").iterdir()] == ["weights"]


def test_an_output_that_was_not_written_is_there_all_the_same(tmp_path, mounts):
    outputs = {"model": "tfx.Model", "unused": "tfx.Schema"}
    entrypoint.main(arguments(tmp_path, "sample_components.Executor", outputs=outputs))
    assert (mounts / "unused").is_dir()
    assert output(tmp_path, "unused")["uri"] == f"{RUN}/unused"


def test_an_executor_that_is_not_in_the_image_is_named(tmp_path, mounts, capsys):
    entrypoint.main(arguments(tmp_path, "sample_components.Nothing"))
    assert "(sample_components has no 'Nothing')" in last_line(capsys)["error"]


def test_a_value_that_a_step_computes_is_written_and_read_as_a_value_artifact(tmp_path, mounts, capsys):
    """`score` returns twice its parameter; KFP takes the file and the parameter."""
    given = arguments(
        tmp_path,
        "sample_components.score_Executor",
        outputs={"rows": "tfx.Integer"},
        parameters={"scale": ("NUMBER_INTEGER", 21.0)},
        options=StepOptions("dropout", output_parameters={"rows_value": "rows"}),
    )
    component = json.loads(given[given.index("--component") + 1])
    component["outputDefinitions"]["parameters"] = {"rows_value": {"parameterType": "NUMBER_INTEGER"}}
    given[given.index("--component") + 1] = json.dumps(component)
    executor_input = json.loads(given[-1])
    executor_input["outputs"]["parameters"] = {"rows_value": {"outputFile": str(tmp_path / "rows_value")}}
    given[-1] = json.dumps(executor_input)
    assert entrypoint.main(given) == 0, capsys.readouterr().err
    assert (mounts / "rows").read_text() == "42"
    assert json.loads((tmp_path / "output_metadata.json").read_text())["parameterValues"] == {"rows_value": 42}
    assert (tmp_path / "rows_value").read_text() == "42"


def test_a_stock_example_gen_takes_the_latest_span(tmp_path, mounts):
    for span, rows in ((1, 1), (2, 40)):
        folder = tmp_path / f"raw/span-{span}"
        folder.mkdir(parents=True)
        folder.joinpath("data.csv").write_text("x,y\n" + "1,2\n" * rows)
    parameters = {
        "input_base": ("STRING", str(tmp_path / "raw")),
        "input_config": ("STRING", json.dumps({"splits": [{"name": "all", "pattern": "span-{SPAN}/*"}]})),
        "output_config": ("STRING", "{}"),
        "output_data_format": ("NUMBER_INTEGER", 6.0),
        "output_file_format": ("NUMBER_INTEGER", 5.0),
    }
    given = arguments(
        tmp_path,
        "tfx.components.example_gen.csv_example_gen.executor.Executor",
        outputs={"examples": "tfx.Examples"},
        parameters=parameters,
        options=StepOptions("dropout", resolves_files=True, beam_args=("--direct_running_mode=in_memory",)),
    )
    assert entrypoint.main(given) == 0
    metadata = output(tmp_path, "examples")["metadata"]
    assert (metadata["span"], metadata["custom:span"]) == (2, 2)
    assert "num_files:1" in metadata["input_fingerprint"]


def step(**parameters):
    return StepInput({}, {}, parameters, {}, Path("output_metadata.json"))


def test_a_runs_parameters_go_into_the_configuration_of_the_trainer():
    options = StepOptions(
        "dropout",
        arguments=("family", "rounds"),
        assignments=(
            Assignment("family", "custom_config", ("family",)),
            Assignment("rounds", "custom_config", ("hyperparameters", "keras", "max_epochs"), zero_keeps=True),
        ),
    )
    config = json.dumps({"family": "linear", "hyperparameters": {"keras": {"max_epochs": 60}}})
    properties = execution_properties(step(custom_config=config, family="keras", rounds=0), options)
    assert json.loads(properties["custom_config"])["hyperparameters"] == {"keras": {"max_epochs": 60}}
    properties = execution_properties(step(custom_config=config, family="keras", rounds=5), options)
    assert json.loads(properties["custom_config"]) == {
        "family": "keras",
        "hyperparameters": {"keras": {"max_epochs": 5}},
    }
    assert set(properties) == {"custom_config"}


RAW_DATA = RawData("input_pattern", "raw_data", None)
SYNTHETIC = RawData("input_pattern", "raw_data", "yachay.schemas.student_dropout.mock.write_mock_csv")


def test_a_pipeline_of_the_profile_mock_writes_its_records(tmp_path):
    path = find_raw_data(SYNTHETIC, "", None, tmp_path)
    assert Path(path).read_text(encoding="utf-8-sig").startswith("Marital status;")


def test_a_pipeline_of_the_profile_mock_takes_no_records(tmp_path):
    with pytest.raises(DataError, match=r"Expected no data_uri, for this pipeline .* Received: gs://b/raw\. Leave it"):
        find_raw_data(SYNTHETIC, "gs://b/raw", None, tmp_path)


def test_data_in_a_store_is_read_where_the_launcher_put_it(tmp_path):
    assert find_raw_data(RAW_DATA, "gs://b/raw", "/gcs/b/raw", tmp_path) == "/gcs/b/raw"
    assert find_raw_data(RAW_DATA, "gs://b/raw/{SPAN}/*", "/gcs/b/raw", tmp_path) == "/gcs/b/raw/{SPAN}/*"


def test_data_on_a_volume_is_read_where_it_is(tmp_path):
    assert find_raw_data(RAW_DATA, "/data/raw.csv", None, tmp_path) == "/data/raw.csv"


def test_data_that_the_launcher_did_not_find_is_rejected(tmp_path):
    with pytest.raises(DataError, match=r"Expected records at gs://b/raw. Received: nothing"):
        find_raw_data(RAW_DATA, "gs://b/raw", None, tmp_path)


def test_a_pushed_model_becomes_the_baseline_of_the_next_run(mounts):
    from yachay.pipelines.kubeflow.step.execution import note_push

    root = "minio://mlpipeline/v2/artifacts"
    model = StepArtifact("tfx.Model", f"{RUN}/model", str(mounts / "model"), "1", {})
    pushed = StepArtifact("tfx.PushedModel", f"{RUN}/pushed_model", str(mounts / "pushed_model"), "2", {})
    pusher = StepInput({"model": [model]}, {"pushed_model": pushed}, {"pipeline_root": ""}, {}, Path("x"))
    facts = {"pushed_destination": f"{pushed.path}/push-1/1", "pushed_version": "1"}
    note_push(model.uri, pusher, StepOptions("dropout"), facts)
    assert read_pointer(root, "dropout") == f"{RUN}/model"


@pytest.mark.end_to_end
def test_a_step_ends_its_process_and_needs_nothing_of_the_checkout(tmp_path, mounts):
    done = subprocess.run(
        [sys.executable, "-m", entrypoint.__spec__.name, *arguments(tmp_path, "sample_components.Executor")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "done"


def fail_to_deploy(tmp_path, reach, **fields):
    options = StepOptions("dropout", arguments=("data_uri", "pipeline_root"), points_to="model", **fields)
    parameters = {"data_uri": ("STRING", "s3://b/x"), "pipeline_root": ("STRING", ""), "reach": ("STRING", reach)}
    status = entrypoint.main(
        arguments(
            tmp_path,
            "sample_components.FailingDeployment",
            inputs={"model": ("tfx.Model", {})},
            outputs={"pushed_model": "tfx.PushedModel"},
            parameters=parameters,
            options=options,
        )
    )
    assert status == 1
    return read_pointer("minio://mlpipeline/v2/artifacts", "dropout")


def test_a_model_that_is_pushed_is_the_baseline_also_where_its_deployment_fails(tmp_path, mounts):
    assert fail_to_deploy(tmp_path, "push") == f"{RUN}/model"


def test_a_model_whose_push_fails_is_no_baseline(tmp_path, mounts):
    assert fail_to_deploy(tmp_path, "nothing") is None


def test_a_model_pushed_into_the_output_of_a_failed_step_is_lost_and_no_baseline(tmp_path, mounts):
    assert fail_to_deploy(tmp_path, "push", output_folders={"store": "pushed_model"}) is None
