import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_specs import TinySpec

from yachay.cli import main
from yachay.errors import UsageError, YachayError, partial_result
from yachay.files import SCRATCH_PREFIX
from yachay.pipelines.kubeflow.emulator import launcher
from yachay.pipelines.kubeflow.emulator.launcher import Launcher
from yachay.pipelines.kubeflow.emulator.local_store import LocalStore
from yachay.pipelines.kubeflow.emulator.pod import StepError
from yachay.pipelines.kubeflow.emulator.spec_run import run_spec
from yachay.pipelines.kubeflow.emulator.spec_runner import CompiledSpec, SpecRunner
from yachay.pipelines.kubeflow.spec.package import read_package
from yachay.pipelines.runs.progress import NodeProgress, Progress
from yachay.pipelines.runs.summary import Summary

pytestmark = pytest.mark.integration

Json = dict[str, Any]


@pytest.fixture
def spec(tmp_path: Path) -> TinySpec:
    return TinySpec(tmp_path / "witness.txt")


def run(spec: TinySpec, *assignments: str) -> Summary:
    package = read_package(spec.write())
    return run_spec(package, package.arguments(assignments), None, spec.witness.with_name("runs"))


def fails(spec: TinySpec, *assignments: str) -> str:
    with pytest.raises(YachayError) as caught:
        run(spec, *assignments)
    assert not isinstance(caught.value, UsageError), caught.value
    return str(caught.value)


def witness(spec: TinySpec) -> list[str]:
    return spec.witness.read_text().splitlines() if spec.witness.exists() else []


def states(spec: TinySpec) -> dict[str, str]:
    [summary] = sorted(spec.witness.parent.glob("runs/tiny/runs/*/summary.json"))
    return {node["id"]: node["state"] for node in json.loads(summary.read_text())["nodes"]}


def stored(spec: TinySpec) -> list[str]:
    """Returns the files in the store, as `task/output/file`."""
    store = spec.witness.parent / "runs/tiny/store"
    paths = (path.relative_to(store).parts for path in store.rglob("*") if path.is_file())
    return sorted("/".join((parts[6], *parts[8:])) for parts in paths)


def test_a_step_gets_what_the_driver_gives_and_finds_its_inputs_where_the_launcher_puts_them(spec: TinySpec) -> None:
    spec.step(
        "First",
        "made('model', weights='7')\n"
        "answer(artifacts={'model': {'artifacts': [{'metadata': {'rows': 5, 'kept': True, 'names': ['a']}}]}})",
        makes=("model",),
    )
    spec.step(
        "Second", "note(taken('model').joinpath('weights').read_text()); note(sys.argv[1])", {"model": "First.model"}
    )

    summary = run(spec)

    weights, text = witness(spec)
    [model] = (told := json.loads(text))["inputs"]["artifacts"]["model"]["artifacts"]
    assert weights == "7"
    assert model["uri"].startswith(f"minio://mlpipeline/v2/artifacts/tiny/{summary.run_id}/First/")
    assert model["type"] == {"instanceSchema": ""}
    assert model["metadata"].pop("store_session_info")
    assert model["metadata"] == {"rows": 5, "kept": 1, "names": {"list": ["a"]}, "display_name": "model"}
    assert told["inputs"].keys() == {"artifacts"}
    assert told["outputs"]["artifacts"].keys() == {"executor-logs"}
    assert told["outputs"]["outputFile"].endswith("/output_metadata.json")


def test_a_step_sees_nothing_of_this_environment_but_what_its_container_says(spec: TinySpec) -> None:
    spec.step(
        "Step",
        "note(json.dumps(sorted(os.environ))); note(os.getcwd()); note(os.environ['ENDPOINT'])",
        container={"env": [{"name": "ENDPOINT", "value": "http://store"}]},
    )
    run(spec)

    names, folder, endpoint = witness(spec)
    own = {"HOME", "PATH", "TMPDIR", "YACHAY_MOUNT_ROOT", "YACHAY_OBJECT_STORE", "ENDPOINT"}
    assert set(json.loads(names)) - {"LC_CTYPE"} == own  # The interpreter itself may set LC_CTYPE.
    assert not Path(folder).exists()
    assert endpoint == "http://store"


def test_placeholders_in_arguments_are_filled_in(spec: TinySpec) -> None:
    arguments = ["{{$.inputs.parameters['share']}}", "{{$.outputs.artifacts['model'].path}}"]
    spec.step(
        "Step",
        "note(sys.argv[3]); note(sys.argv[4] == str(path(outputs['artifacts']['model']['artifacts'][0])))",
        {"share": 10.0},
        makes=("model",),
        container={"args": arguments},
    )
    run(spec)

    assert witness(spec) == ["10", "True"]


def test_what_a_step_does_to_its_inputs_does_not_reach_the_store(spec: TinySpec) -> None:
    spec.step("First", "made('model', weights='7')", makes=("model",))
    spec.step("Second", "taken('model').joinpath('weights').write_text('8')", {"model": "First.model"})
    spec.step(
        "Third",
        "note(taken('model').joinpath('weights').read_text())",
        {"model": "First.model"},
        dependentTasks=["Second"],
    )

    run(spec)

    assert witness(spec) == ["7"]


def test_output_parameters_come_from_the_response_or_from_their_files(spec: TinySpec) -> None:
    spec.step(
        "First",
        "answer(parameterValues={'a': 'from the answer'})\n"
        "for name in 'ab': Path(outputs['parameters'][name]['outputFile']).write_text('3')",
        says={"a": "STRING", "b": "NUMBER_INTEGER"},
    )
    spec.step("Second", "note(json.dumps(parameters, sort_keys=True))", {"a": "First:a", "b": "First:b"})

    run(spec)

    assert witness(spec) == ['{"a": "from the answer", "b": "3"}']


def test_a_declared_output_parameter_that_is_not_written_is_a_failure(spec: TinySpec) -> None:
    spec.step("Step", says={"uri": "STRING"})

    assert "expected a value of its output parameter 'uri', of type STRING. Received: no such file" in fails(spec)


def test_a_response_with_an_unknown_field_is_a_failure(spec: TinySpec) -> None:
    spec.step("Step", "answer(verdict='good')")

    assert "Step failed: it wrote no valid ExecutorOutput" in fails(spec)


def test_an_output_that_a_step_puts_outside_the_run_is_a_failure(spec: TinySpec) -> None:
    spec.step("Step", "answer(artifacts={'model': {'artifacts': [{'uri': '/data/model'}]}})", makes=("model",))

    assert "expected its output 'model' below minio://mlpipeline" in fails(spec)


def test_of_a_step_that_fails_only_the_log_is_taken_into_the_store(spec: TinySpec) -> None:
    spec.step(
        "First", "made('model', weights='7'); print(json.dumps({'error': 'no rows'})); sys.exit(1)", makes=("model",)
    )
    spec.step("Second", "note('ran')", {"model": "First.model"})

    assert fails(spec) == "First failed: no rows"
    assert states(spec) == {"First": "failed", "Second": "waiting"}
    assert stored(spec) == ["First/executor-logs"]
    assert witness(spec) == []


@pytest.mark.parametrize(("value", "expected"), [("yes", ["ran", "after"]), ("no", [])])
def test_a_condition_decides_on_a_task_and_on_what_waits_for_it(
    spec: TinySpec, value: str, expected: list[str]
) -> None:
    spec.step("First", f"answer(parameterValues={{'verdict': '{value}'}})", says={"verdict": "STRING"})
    condition = {"condition": "inputs.parameter_values['verdict'] == 'yes'"}
    spec.step("Gated", "note('ran')", {"verdict": "First:verdict"}, triggerPolicy=condition)
    spec.step("After", "note('after')", dependentTasks=["Gated"])

    run(spec)

    assert witness(spec) == expected
    assert states(spec)["After"] == ("done" if expected else "skipped")


@pytest.mark.parametrize(("blessed", "state"), [(1, "done"), (0, "skipped")])
def test_a_condition_on_the_metadata_of_an_artifact_gates_a_sub_dag(spec: TinySpec, blessed: int, state: str) -> None:
    metadata = f"{{'artifacts': [{{'metadata': {{'blessed': {blessed}}}}}]}}"
    spec.step("Judge", f"made('verdict'); answer(artifacts={{'verdict': {metadata}}})", makes=("verdict",))
    inner = spec.inner()
    inner.step("Push", "note('pushed')")
    condition = {"condition": "inputs.artifacts['verdict'].artifacts[0].metadata['blessed'] == 1.0"}
    spec.dag("Gate", inner, {"verdict": "Judge.verdict"}, triggerPolicy=condition)

    run(spec)

    assert states(spec)["Push"] == state


def test_a_condition_on_what_is_not_there_is_a_failure_and_no_false(spec: TinySpec) -> None:
    spec.step("First", "made('verdict')", makes=("verdict",))
    condition = {"condition": "inputs.artifacts['verdict'].artifacts[0].metadata['blessed'] == 1.0"}
    spec.step("Gated", "", {"verdict": "First.verdict"}, triggerPolicy=condition)

    assert "to come to true or false. Received: no such key: 'blessed'" in fails(spec)


def test_an_importer_in_a_sub_dag_brings_in_what_a_step_named(spec: TinySpec) -> None:
    model = spec.witness.parent / "runs/tiny/store/s3/bucket/models/7"
    model.mkdir(parents=True)
    (model / "weights").write_text("7")
    spec.step("Resolve", "answer(parameterValues={'uri': 's3://bucket/models/7'})", says={"uri": "STRING"})
    inner = spec.inner()
    inner.importer("Import", {"uri": "<uri>"})
    selector = {"producerSubtask": "Import", "outputArtifactKey": "artifact"}
    inner.outputs = {"artifacts": {"model": {"artifactSelectors": [selector]}}}
    spec.dag("Latest", inner, {"uri": "Resolve:uri"})
    spec.step("Use", "note(taken('model').joinpath('weights').read_text())", {"model": "Latest.model"})

    run(spec)

    assert witness(spec) == ["7"]


def test_an_imported_artifact_that_was_never_written_is_a_missing_folder(spec: TinySpec) -> None:
    spec.importer("Import", {}, artifactUri={"constant": "gs://bucket/none"}, metadata={"version": 3})
    spec.step(
        "Use",
        "[one] = inputs['artifacts']['model']['artifacts']\n"
        "note(Path(os.environ['YACHAY_MOUNT_ROOT'], 'gcs/bucket/none').exists(), one['metadata']['version'])",
        {"model": "Import.artifact"},
        optional=("model",),
    )

    run(spec)

    assert witness(spec) == ["False 3"]


def test_an_import_from_a_path_is_a_failure_as_on_the_cluster(spec: TinySpec) -> None:
    spec.parameters["uri"] = {"parameterType": "STRING"}
    spec.importer("Import", {"uri": "<uri>"})

    assert "to import from gs://, s3:// or minio://. Received: '/data'" in fails(spec, "uri=/data")


def test_a_sub_dag_hands_on_the_parameter_of_the_branch_that_ran(spec: TinySpec) -> None:
    inner = spec.inner()
    for name in ("left", "right"):
        condition = {"condition": f"inputs.parameter_values['side'] == '{name}'"}
        program = f"answer(parameterValues={{'out': 'from {name}'}})"
        inner.step(name, program, {"side": "<side>"}, says={"out": "STRING"}, triggerPolicy=condition)
    selectors = [{"producerSubtask": name, "outputParameterKey": "out"} for name in ("left", "right")]
    inner.outputs = {"parameters": {"out": {"valueFromOneof": {"parameterSelectors": selectors}}}}
    spec.dag("Branch", inner, {"side": "right"})
    spec.step("After", "note(parameters['out'])", {"out": "Branch:out"})

    run(spec)

    assert witness(spec) == ["from right"]


def test_parameters_have_their_defaults_and_types(spec: TinySpec) -> None:
    spec.parameters |= {
        "rounds": {"parameterType": "NUMBER_INTEGER", "defaultValue": 10},
        "note": {"parameterType": "STRING", "isOptional": True},
    }
    task = spec.step(
        "Step",
        "note(json.dumps(parameters, sort_keys=True))",
        {"rounds": "<rounds>", "note": "<note>"},
        optional=("note", "seed"),
    )
    declared = spec.components["comp-Step"]["inputDefinitions"]["parameters"]
    declared["seed"] = {"parameterType": "NUMBER_INTEGER", "isOptional": True, "defaultValue": 4}
    declared["rounds"]["parameterType"] = "NUMBER_INTEGER"
    assert "seed" not in task["inputs"]["parameters"]

    run(spec, "rounds=12")

    assert witness(spec) == ['{"rounds": 12, "seed": 4}']


def test_a_parameter_of_another_type_than_the_component_declares_is_a_failure(spec: TinySpec) -> None:
    spec.step("First", "answer(parameterValues={'n': 'three'})", says={"n": "STRING"})
    spec.step("Second", "", {"n": "First:n"})
    spec.components["comp-Second"]["inputDefinitions"]["parameters"]["n"]["parameterType"] = "NUMBER_INTEGER"

    assert "Expected the parameter 'n' of Second to be of type NUMBER_INTEGER. Received: \"three\"" in fails(spec)


def test_an_error_carries_the_summary_as_far_as_the_run_got(spec: TinySpec) -> None:
    spec.step("First")
    spec.step("Second", "sys.exit(7)", dependentTasks=["First"])

    with pytest.raises(YachayError) as caught:
        run(spec)

    summary = partial_result(caught.value)
    assert {node["id"]: node["state"] for node in summary.nodes} == {"First": "done", "Second": "failed"}
    assert summary.error == str(caught.value)


def test_a_retry_policy_starts_a_failed_step_anew(spec: TinySpec) -> None:
    program = "note('try', os.environ['KFP_RETRY_INDEX'], list(made('model').iterdir()))\nmade('model', a='')\n"
    program += "sys.exit(os.environ['KFP_RETRY_INDEX'] != '2')"
    policy = {"maxRetryCount": 2, "backoffDuration": "0s", "backoffFactor": 2.0, "backoffMaxDuration": "60s"}
    spec.step("Step", program, makes=("model",), retryPolicy=policy)

    run(spec)

    assert witness(spec) == ["try 0 []", "try 1 []", "try 2 []"]
    logs = [f"Step/executor-logs-{attempt}" for attempt in range(3)]
    assert stored(spec) == [*logs, "Step/model/a"]


def test_a_step_that_fails_at_every_attempt_is_a_failure(spec: TinySpec) -> None:
    policy = {"maxRetryCount": 1, "backoffMaxDuration": "60s"}
    spec.step("Step", "note('try'); print('out of memory'); sys.exit(3)", retryPolicy=policy)

    assert fails(spec) == "Step failed: exit status 3, 'out of memory' printed last"
    assert len(witness(spec)) == 2


def test_a_step_is_tried_again_after_longer_and_longer_waits_until_their_time_is_over(spec: TinySpec) -> None:
    policy = {"maxRetryCount": 9, "backoffDuration": "10s", "backoffFactor": 3.0, "backoffMaxDuration": "100s"}
    spec.step("Step", "sys.exit(1)", retryPolicy=policy)
    compiled = CompiledSpec(read_package(spec.write()))
    root = "minio://bucket/tiny/1"
    folder = spec.witness.parent
    launcher = Launcher(LocalStore(folder / "store"), root, folder / "log.txt", folder)
    nodes = {path: NodeProgress(path[-1]) for path in compiled.leaves()}
    progress = Progress(io.StringIO(), list(nodes.values()))
    waits: list[float] = []

    with pytest.raises(StepError, match="Step failed"):
        SpecRunner(compiled, launcher, "1", nodes, waits.append).run({}, progress)

    assert waits == [10, 30, 90]


def exit_task(spec: TinySpec, awaited: str) -> None:
    policy = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    task = spec.step(
        "Tell", "note(parameters['status'])", {"status": ""}, dependentTasks=[awaited], triggerPolicy=policy
    )
    task["inputs"]["parameters"]["status"] = {"taskFinalStatus": {"producerTask": awaited}}


@pytest.mark.parametrize(("status", "state"), [(0, "COMPLETE"), (1, "FAILED")])
def test_an_exit_task_runs_however_the_other_ended_and_sees_how(spec: TinySpec, status: int, state: str) -> None:
    inner = spec.inner()
    inner.step("Work", f"sys.exit({status})")
    spec.dag("All", inner)
    exit_task(spec, "All")

    if status:
        assert "Work failed" in fails(spec)
    else:
        run(spec)

    [told] = witness(spec)
    assert json.loads(told) | {"pipelineJobResourceName": ""} == {
        "error": {},
        "pipelineJobResourceName": "",
        "pipelineTaskName": "All",
        "state": state,
    }
    assert states(spec)["Tell"] == "done"


def test_an_exit_task_sees_no_end_where_a_sub_dag_holds_importers_only(spec: TinySpec) -> None:
    inner, imports = spec.inner(), spec.inner()
    imports.importer("Import", {"uri": "<uri>"})
    inner.step("Work")
    inner.dag("Imports", imports, {"uri": "gs://bucket/none"})
    spec.dag("All", inner)
    exit_task(spec, "All")
    run(spec)

    [told] = witness(spec)
    assert json.loads(told)["state"] == "RUNNING"


def test_a_step_past_its_deadline_is_stopped(spec: TinySpec) -> None:
    spec.step("Step", "import time; time.sleep(60)")
    placement = {"exec-Step": {"activeDeadlineSeconds": "1"}}
    spec.platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": placement}}}}

    assert fails(spec) == "Step failed: it did not end within its deadline of 1 s."


def test_a_secret_that_a_step_would_have_on_the_cluster_is_missed_loudly(spec: TinySpec) -> None:
    spec.step("Step")
    placement = {"exec-Step": {"secretAsEnv": [{"secretName": "store"}], "nodeSelector": {"labels": {"a": "b"}}}}
    spec.platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": placement}}}}

    assert run(spec).warnings == [
        "exec-Step: the platform document's secretAsEnv is not given here; the step sees the files of this machine."
    ]


def test_a_second_run_finds_in_the_store_what_the_first_left(spec: TinySpec) -> None:
    program = (
        "pointer = Path(os.environ['YACHAY_OBJECT_STORE'], 'minio/mlpipeline/pointer')\n"
        "note(pointer.exists()); pointer.parent.mkdir(parents=True, exist_ok=True); pointer.write_text('')"
    )
    spec.step("Step", program)

    run(spec)
    run(spec)

    assert witness(spec) == ["False", "True"]


def test_the_summary_holds_what_the_steps_made(spec: TinySpec) -> None:
    made = {
        "examples": (
            "tfx.Examples",
            {"rows_read": 9, "rows_kept": 8, "rows_quarantined": 1, "data_fingerprint": "f", "warnings": "[]"},
        ),
        "model": ("tfx.Model", {}),
        "blessing": ("tfx.ModelBlessing", {"blessed": 1}),
        "pushed": ("tfx.PushedModel", {"pushed": 1, "pushed_destination": "minio://b/push-1/1"}),
    }
    artifacts = {key: {"artifacts": [{"metadata": metadata}]} for key, (_, metadata) in made.items()}
    spec.step("Step", f"answer(artifacts={artifacts!r})\nprint(json.dumps({{'rows': 8}}))", makes=tuple(made))
    for key, (kind, _) in made.items():
        declared = spec.components["comp-Step"]["outputDefinitions"]["artifacts"][key]
        declared["artifactType"]["schemaTitle"] = kind

    summary = run(spec)

    assert summary.rows == {"read": 9, "kept": 8, "quarantined": 1}
    assert summary.verdict == "blessed"
    assert summary.data_fingerprint == "f"
    assert str(summary.model_uri).endswith("/model")
    assert summary.pushed_model_uri == "minio://b/push-1/1"
    assert (summary.pipeline, summary.task) == ("tiny", None)


@pytest.mark.parametrize(
    ("program", "status", "error"),
    [
        ("", 0, None),
        ("answer(artifacts={'verdict': {'artifacts': [{'metadata': {'blessed': 0}}]}})", 3, None),
        ("sys.exit(1)", 1, "Step failed: exit status 1, nothing printed"),
    ],
)
def test_the_exit_status_says_the_result_of_the_run(
    spec: TinySpec, capsys: pytest.CaptureFixture[str], program: str, status: int, error: str | None
) -> None:
    spec.step("Step", program, makes=("verdict",) if status == 3 else ())
    if status == 3:
        declared = spec.components["comp-Step"]["outputDefinitions"]["artifacts"]["verdict"]
        declared["artifactType"]["schemaTitle"] = "tfx.ModelBlessing"

    arguments = ["run-spec", str(spec.write()), "--json", "--workdir", str(spec.witness.with_name("runs"))]
    assert main.run(arguments) == status

    assert json.loads(capsys.readouterr().out)["error"] == error


def test_what_a_killed_run_left_of_its_pods_is_removed(
    spec: TinySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "temporary/yachay-scratch-killed"
    (left / "pod").mkdir(parents=True)
    (left / ".yachay-scratch-lock").touch()
    monkeypatch.setattr("tempfile.tempdir", str(left.parent))
    spec.step("Step")

    run(spec)

    assert not left.exists()


def test_a_chosen_root_is_where_artifacts_lie(spec: TinySpec) -> None:
    spec.step("Step", "note(outputs['artifacts']['executor-logs']['artifacts'][0]['uri'])")

    summary = run_spec(read_package(spec.write()), {}, "s3://bucket/root?region=x", spec.witness.with_name("runs"))

    assert witness(spec)[0].startswith(f"s3://bucket/root/tiny/{summary.run_id}/Step/")


def _gate(spec: TinySpec, **policy: Any) -> None:
    spec.step("Gated", dependentTasks=["Step"], triggerPolicy=policy)


def _executor(spec: TinySpec, **executor: Any) -> None:
    spec.executors["exec-Step"] = executor


REJECTIONS: dict[str, tuple[Callable[[TinySpec], Any], str]] = {
    "resolver": (lambda spec: _executor(spec, resolver={}), "a container or an importer. Received: resolver"),
    "custom job": (lambda spec: _executor(spec, customJob={"customJob": {}}), "Received: customJob"),
    "no executor": (lambda spec: spec.executors.clear(), "the executor 'exec-Step'. Received: none"),
    "no component": (lambda spec: spec.components.clear(), "the component 'comp-Step'. Received: none"),
    "loop": (lambda spec: spec.tasks["Step"].update(parameterIterator={"itemInput": "x"}), "no loop"),
    "name": (lambda spec: spec.step("my_step"), "letters, digits and '-'. Received: 'my_step'"),
    "unknown producer": (lambda spec: spec.step("Other", takes={"x": "Lost.x"}), "to wait for 'Lost'"),
    "circle": (
        lambda spec: (spec.step("A", dependentTasks=["B"]), spec.step("B", dependentTasks=["A"])),
        "wait for one another in no circle",
    ),
    "condition": (lambda spec: _gate(spec, condition="inputs.parameter_values['a'].matches('x')"), "'('"),
    "condition with a ternary": (lambda spec: _gate(spec, condition="true ? true : false"), "'? true : false'"),
    "condition on an importer": (
        lambda spec: spec.importer("In", {}, artifactUri={"constant": "gs://b/k"}).update(
            triggerPolicy={"condition": "true"}
        ),
        "no condition on an importer",
    ),
    "import of a path": (
        lambda spec: spec.importer("In", {}, artifactUri={"constant": "/data"}),
        "begins with gs://, s3:// or minio://. Received: '/data'",
    ),
    "import of a task's parameter": (
        lambda spec: (spec.step("Say", says={"u": "STRING"}), spec.importer("In", {"uri": "Say:u"})),
        "from a parameter of its DAG",
    ),
    "exit task of two": (
        lambda spec: (
            spec.step("Other"),
            spec.step(
                "Exit",
                dependentTasks=["Step", "Other"],
                triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
            ),
        ),
        "an exit task to wait for one task. Received: 2",
    ),
    "retried sub-DAG": (
        lambda spec: _dag_with_retry(spec),
        "a container where there is a retryPolicy",
    ),
    "retry without end": (
        lambda spec: spec.tasks["Step"].update(retryPolicy={"maxRetryCount": 1}),
        "a backoffMaxDuration in its retryPolicy",
    ),
    "missing parameter": (
        lambda spec: spec.components["comp-Step"]["inputDefinitions"]["parameters"].update(
            a={"parameterType": "STRING", "defaultValue": "x"}
        ),
        "a value of its parameter 'a'. Received: none",
    ),
    "missing program": (
        lambda spec: _executor(spec, container={"image": "x", "command": ["no-such-program"]}),
        "on this machine. Received: 'no-such-program'",
    ),
    "image's own entrypoint": (lambda spec: _executor(spec, container={"image": "x"}), "the image's own"),
    "lightweight component": (
        lambda spec: _executor(spec, container={"image": "x", "command": ["sh", "-c", "kfp.dsl.executor_main"]}),
        "lightweight component of the KFP SDK",
    ),
    "IfPresent": (
        lambda spec: _executor(
            spec, container={"image": "x", "command": ["python"], "args": ['{"IfPresent": {"InputName": "a"}}']}
        ),
        "placeholders that are known here",
    ),
}


def _dag_with_retry(spec: TinySpec) -> None:
    inner = spec.inner()
    inner.step("Work")
    spec.dag("All", inner, retryPolicy={"maxRetryCount": 1})


@pytest.mark.parametrize("name", REJECTIONS)
def test_what_would_be_otherwise_than_on_a_cluster_is_rejected_before_any_work(spec: TinySpec, name: str) -> None:
    spec.step("Step", "note('ran')")
    change, message = REJECTIONS[name]
    change(spec)

    with pytest.raises(UsageError) as caught:
        run(spec)

    assert message in str(caught.value)
    assert not spec.witness.with_name("runs").exists()


def test_another_schema_version_is_rejected(spec: TinySpec, tmp_path: Path) -> None:
    spec.step("Step")
    file = spec.write()
    file.write_text(file.read_text().replace("2.1.0", "2.0.0"))

    with pytest.raises(UsageError, match=r"schemaVersion 2.1.0, .* Received: '2.0.0'"):
        run_spec(read_package(file), {}, None, tmp_path / "runs")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_runner_that_is_stopped_takes_its_step_along_and_stores_nothing_of_it(
    spec: TinySpec, number: signal.Signals
) -> None:
    spec.step("Step", "made('model', weights='7'); note(os.getpid()); import time; time.sleep(300)", makes=("model",))
    command = [sys.executable, "-m", "yachay.cli.main", "run-spec", str(spec.write()), "--json"]
    command += ["--workdir", str(spec.witness.with_name("runs"))]
    environment = {**os.environ, "TMPDIR": str(spec.witness.parent)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        while not witness(spec):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)

    step = int(witness(spec)[0])
    for _ in range(100):
        if not _is_running(step):
            break
        time.sleep(0.05)
    assert not _is_running(step)
    # What a killed one leaves goes at the next start.
    assert bool([*spec.witness.parent.glob(f"{SCRATCH_PREFIX}*")]) is (number == signal.SIGKILL)
    assert "Step/model/weights" not in stored(spec)
    if number != signal.SIGKILL:
        assert process.returncode == (143 if number == signal.SIGTERM else 130)
        assert json.loads(output)["nodes"][0]["state"] == "interrupted"
        assert "Interrupted" in errors


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_command_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log, pytest.raises(FileNotFoundError, match="no such program"):
        launcher._start(["nowhere"], tmp_path, environment, log.fileno())
