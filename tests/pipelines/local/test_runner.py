import io
import secrets
from pathlib import Path
from typing import Any

import pytest
import sample_components as samples
from tfx.orchestration.pipeline import Pipeline

from yachay.pipelines.config.pipeline_config import PipelineConfig
from yachay.pipelines.local import runner as runner_module
from yachay.pipelines.local.late_fork_server import LateForkServer
from yachay.pipelines.local.run import describe
from yachay.pipelines.local.runner import NodeError, NodeRunner
from yachay.pipelines.node import NodeTraits, describe_node
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.runs.progress import NodeProgress, Progress


def run(folder: Path, *nodes: Any) -> tuple[NodeRunner, dict[str, str]]:
    pipeline = Pipeline(pipeline_name="p", pipeline_root=str(folder), components=list(nodes), enable_cache=True)
    states = [NodeProgress(node.id) for node in pipeline.components]
    runner = NodeRunner(pipeline, folder / "metadata.sqlite", secrets.token_hex(4), states)
    try:
        with Progress(io.StringIO(), states) as progress, LateForkServer() as server:
            runner.run(progress, server)
    except NodeError:
        pass
    return runner, {state.id: state.state for state in states}


def test_a_node_that_is_never_cached_runs_again(tmp_path: Path) -> None:
    def nodes() -> list[Any]:
        return [describe_node(samples.score(scale=2), NodeTraits(is_cached=False)), samples.share(scale=3)]

    assert set(run(tmp_path, *nodes())[1].values()) == {"done"}
    assert run(tmp_path, *nodes())[1] == {"score": "done", "share": "cached"}


def test_after_an_upgrade_nothing_is_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, samples.score(scale=3))
    assert run(tmp_path, samples.score(scale=3))[1] == {"score": "cached"}

    monkeypatch.setattr(runner_module, "__version__", "99")

    assert run(tmp_path, samples.score(scale=3))[1] == {"score": "done"}


def test_outputs_are_there_by_role_also_where_a_later_node_failed(tmp_path: Path) -> None:
    train = describe_node(samples.train(rows=3), NodeTraits(role="trainer"))
    broken = samples.share(scale=0)
    broken.add_upstream_node(train)

    runner, states = run(tmp_path, train, broken)

    assert states == {"train": "done", "share": "failed"}
    assert list(runner.outputs) == ["train"]
    assert list(runner.outputs_by_role["trainer"]) == ["model"]


def test_the_summary_of_a_pipeline_without_pusher_or_evaluator_is_what_its_nodes_made(tmp_path: Path) -> None:
    config: PipelineConfig = find_pipeline("student_dropout").load()
    runner, _ = run(tmp_path, describe_node(samples.train(rows=3), NodeTraits(role="trainer")), samples.score(scale=1))

    fields = describe(config, "semester2", runner.outputs_by_role)

    assert list(fields) == ["model_uri"]
    assert Path(fields["model_uri"]).is_dir()


def test_what_no_longer_holds_is_made_again_once_and_the_next_node_takes_it(tmp_path: Path) -> None:
    gone: set[str] = set()

    def run_once() -> tuple[str, str, set[str]]:
        publish = samples.publish()
        traits = NodeTraits(is_cached=False, is_current=lambda made: made["model"]["place"] not in gone)
        runner, states = run(tmp_path, describe_node(publish, traits), samples.bless(model=publish.outputs["model"]))
        return runner.outputs["publish"]["model"].uri, runner.outputs["bless"]["blessing"].uri, set(states.values())

    first = run_once()
    assert run_once() == (*first[:2], {"cached"})
    gone.add(first[0])
    second = run_once()

    assert second[2] == {"done"}
    assert not {*first[:2]} & {*second[:2]}
    assert run_once() == (*second[:2], {"cached"})
