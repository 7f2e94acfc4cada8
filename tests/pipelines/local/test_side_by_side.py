"""Nodes with a process of their own, and nodes side by side."""

import io
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import pytest
import sample_components as samples
from tfx.orchestration.pipeline import Pipeline

from yachay.errors import DataError
from yachay.pipelines.local import runner as runner_module
from yachay.pipelines.local import side_by_side
from yachay.pipelines.local.late_fork_server import LateForkServer
from yachay.pipelines.local.runner import NodeError, NodeRunner
from yachay.pipelines.node import NodeTraits, describe_node
from yachay.pipelines.runs.progress import NodeProgress, Progress

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
]


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the nodes whose executors are named so have processes of their own."""
    apart = ("hang", "reject_late", "end", "leave", "fail_oddly", "meet")
    monkeypatch.setattr(
        runner_module, "needs_process", lambda path: path.rpartition(".")[2].removesuffix("_Executor") in apart
    )
    monkeypatch.setattr(runner_module, "executor_modules", lambda paths: ["yachay.pipelines.local.executor_process"])
    monkeypatch.setattr(side_by_side.joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(side_by_side, "available_memory", lambda: 8 << 30)


def run(folder: Path, *nodes: Any) -> tuple[NodeRunner, dict[str, str], list[str], Exception | None]:
    """Runs nodes, and one after them that has a process too, without which no server would be started."""
    last = samples.meet(examples=nodes[0].outputs["examples"], folder=str(folder), other="none").with_id("last")
    for node in nodes:
        last.add_upstream_node(node)
    (folder / "none").touch()
    pipeline = Pipeline(pipeline_name="p", pipeline_root=str(folder), components=[*nodes, last], enable_cache=True)
    states = [NodeProgress(node.id) for node in pipeline.components]
    runner = NodeRunner(pipeline, folder / "metadata.sqlite", secrets.token_hex(4), states, owns_process=True)
    shown, error = io.StringIO(), None
    try:
        with Progress(shown, states) as progress, LateForkServer() as server:
            runner.run(progress, server)
    except Exception as raised:
        error = raised
    lines = [line.split()[0] for line in shown.getvalue().splitlines()]
    return runner, {state.id: state.state for state in states}, lines, error


def test_a_node_with_a_process_runs_beside_one_without_and_their_lines_keep_the_order(tmp_path: Path) -> None:
    ingest = samples.ingest()
    examples = ingest.outputs["examples"]
    here = samples.wait(examples=examples, folder=str(tmp_path), other="apart").with_id("here")
    apart = samples.meet(examples=examples, folder=str(tmp_path), other="here").with_id("later")

    runner, states, lines, error = run(tmp_path, ingest, here, apart)

    assert error is None
    assert set(states.values()) == {"done"}
    assert lines == list(states)
    assert str(os.getpid()) in Path(runner.outputs["here"]["process"].uri).read_text()
    assert str(os.getpid()) not in Path(runner.outputs["later"]["process"].uri).read_text()


def test_where_a_gate_fails_what_ran_ahead_of_it_is_ended_and_does_not_count(tmp_path: Path) -> None:
    ingest = samples.ingest()
    gate = samples.reject(examples=ingest.outputs["examples"], folder=str(tmp_path))
    ahead = samples.hang(examples=ingest.outputs["examples"], folder=str(tmp_path))
    ahead.add_upstream_node(gate)

    _, states, lines, error = run(tmp_path, ingest, gate, describe_node(ahead, NodeTraits(may_precede=(gate.id,))))

    assert isinstance(error, DataError)
    assert str(error) == "the label is gone"
    assert states == {"ingest": "done", "reject": "failed", "hang": "interrupted", "last": "waiting"}
    assert lines == ["ingest", "reject", "hang"]


def test_the_error_of_a_gate_comes_before_that_of_what_ran_ahead_of_it(tmp_path: Path) -> None:
    ingest = samples.ingest()
    gate = samples.reject(examples=ingest.outputs["examples"], folder=str(tmp_path))
    ahead = samples.reject_late(examples=ingest.outputs["examples"], folder=str(tmp_path))
    ahead.add_upstream_node(gate)

    _, states, _, error = run(tmp_path, ingest, gate, describe_node(ahead, NodeTraits(may_precede=(gate.id,))))

    assert str(error) == "the label is gone"
    # On a busy machine the gate may fail before the process of the other has ended.
    assert states.pop("reject_late") in ("failed", "interrupted")
    assert states == {"ingest": "done", "reject": "failed", "last": "waiting"}


def test_an_error_comes_through_as_it_is_and_a_killed_process_is_one(tmp_path: Path) -> None:
    ingest = samples.ingest()
    late = samples.reject_late(examples=ingest.outputs["examples"], folder=str(tmp_path))
    *_, error = run(tmp_path, ingest, late)
    assert isinstance(error, DataError)
    assert (str(error), error.failures) == ("no number\n  - row 3", ("row 3",))

    ingest = samples.ingest()
    *_, error = run(tmp_path, ingest, samples.end(examples=ingest.outputs["examples"]))
    assert isinstance(error, NodeError)
    assert "end failed: its process ended with the exit status -9" in str(error)


def test_an_error_that_no_other_process_can_read_is_described(tmp_path: Path) -> None:
    ingest = samples.ingest()

    *_, error = run(tmp_path, ingest, samples.fail_oddly(examples=ingest.outputs["examples"]))

    assert isinstance(error, NodeError)
    assert str(error) == "fail_oddly failed: OddError: no model: too few rows"


@pytest.mark.parametrize("is_apart", [True, False])
def test_a_node_that_exits_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_apart: bool) -> None:
    if not is_apart:
        monkeypatch.setattr(runner_module, "needs_process", lambda path: False)
    ingest = samples.ingest()

    _, states, _, error = run(tmp_path, ingest, samples.leave(examples=ingest.outputs["examples"]))

    assert isinstance(error, NodeError)
    assert str(error) == "leave failed: it called sys.exit(0)"
    assert states == {"ingest": "done", "leave": "failed", "last": "waiting"}


@pytest.mark.parametrize(
    ("processors", "available", "mebibytes", "reason"),
    [
        (1, 8 << 30, 0, "there is one processor"),
        (2, 8 << 30, 129, "the examples have 129 MiB, more than 128"),
        (2, 3 << 30, 0, "3,072 MiB of memory are available, less than 4 GiB"),
        (2, None, 0, "this system does not show how much memory is available"),
        (2, 8 << 30, 128, ""),
    ],
)
def test_why_nodes_run_in_turn(
    processors: int,
    available: int | None,
    mebibytes: int,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (tmp_path / "data").open("wb") as file:
        file.truncate(mebibytes << 20)
    monkeypatch.setattr(side_by_side.joblib, "cpu_count", lambda: processors)
    monkeypatch.setattr(side_by_side, "available_memory", lambda: available)

    assert side_by_side.why_in_turn(tmp_path) == reason
