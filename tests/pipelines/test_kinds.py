import json
from pathlib import Path

import pytest
import sample_components as samples
from tfx.orchestration.kubeflow.decorators import FinalStatusStr

from yachay.cli.main import run
from yachay.errors import ConfigurationError, UsageError
from yachay.pipelines.assembly import assemble
from yachay.pipelines.kinds import KINDS, PipelineKind
from yachay.pipelines.kubeflow.compile.configured import compile_configuration
from yachay.pipelines.kubeflow.emulator.spec_run import parse_name
from yachay.pipelines.node import NodeRequest, NodeTraits, PipelineParameter, describe_node
from yachay.pipelines.registry import find_pipeline


def create_watch(config, context):
    scale = PipelineParameter("window", "NUMBER_INTEGER", 5, "Rows of a window.")
    request = NodeRequest(properties={"scale": "window"}, opens_store=True, parameters=(scale,))
    return assemble(config, context, [describe_node(samples.score(scale=5), NodeTraits(request=request))])


def create_end(config, context):
    return samples.clean(status=FinalStatusStr())


@pytest.fixture(autouse=True)
def _watch(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = PipelineKind(f"{__name__}.create_watch", exit_handler=f"{__name__}.create_end")
    monkeypatch.setitem(KINDS, "watch", kind)  # type: ignore[arg-type]


def test_a_kind_is_a_pipeline_of_every_configuration_and_has_its_own_parameters_store_and_exit_handler() -> None:
    folder = find_pipeline("student_dropout")

    compiled = compile_configuration(folder, folder.load(), "semester2", "image:1", "watch")

    spec = compiled.pipeline_spec
    assert spec["pipelineInfo"]["name"] == "student-dropout--semester2--watch"
    assert spec["root"]["inputDefinitions"]["parameters"] == {
        "window": {"parameterType": "NUMBER_INTEGER", "defaultValue": 5, "description": "Rows of a window."}
    }
    assert spec["root"]["dag"]["tasks"]["clean"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    placed = json.dumps(compiled.platform_spec["platforms"]["kubernetes"]["deploymentSpec"]["executors"])
    assert placed.count("mlpipeline-minio-artifact") == 2  # The secret, and its parameter.


def test_a_kind_that_reads_no_records_runs_here_without_any(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "student_dropout", "--pipeline", "watch", "--workdir", str(tmp_path), "--json"]

    assert run(arguments) == 0
    summary = json.loads(capsys.readouterr().out)
    assert [node["id"] for node in summary["nodes"]] == ["score"]
    assert (summary["profile"], summary["is_synthetic"]) == ("", False)
    assert (tmp_path / "student-dropout--semester2--watch").is_dir()

    assert run([*arguments, "--data", "records.csv"]) == 2
    assert "Expected no --data, for the pipeline 'watch' begins with no records" in capsys.readouterr().err


def test_the_profile_is_found_in_the_name_of_a_compiled_pipeline_of_any_kind() -> None:
    assert parse_name("student-dropout--semester2--watch") == ("student_dropout", "semester2", "")
    assert parse_name("student-dropout--semester2--mock--watch") == ("student_dropout", "semester2", "mock")
    assert parse_name("student-dropout--semester2--mock") == ("student_dropout", "semester2", "mock")


def test_a_schedule_names_a_pipeline_and_a_time_that_comes() -> None:
    folder = find_pipeline("student_dropout")

    assert folder.load(["schedules.watch=0 3 * * 1"]).schedules == {"watch": "0 3 * * 1"}
    with pytest.raises(ConfigurationError, match=r"schedules: expected pipelines .* received 'wacth'.*watch"):
        folder.load(["schedules.wacth='@daily'"])
    with pytest.raises(ConfigurationError, match=r"schedules\.watch: Expected a schedule of five fields"):
        folder.load(["schedules.watch=often"])


def test_a_pipeline_that_is_not_there_is_rejected() -> None:
    with pytest.raises(UsageError, match=r"Expected --pipeline to be one of .*watch\. Received: 'watches'"):
        find_pipeline("student_dropout").load().check_pipeline("watches")
