"""Versions of a model from its stores alone, and beside a real MLflow server."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow_process import shared_server

from yachay.components.run_tracker.mlflow_registry import MlflowRegistry
from yachay.components.run_tracker.registry import RegistryError
from yachay.errors import UsageError
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.store import ModelStore, Push, list_pushes, push
from yachay.pipelines.models import Models, open_models
from yachay.pipelines.registry import find_pipeline

TASK = "semester2"
FEATURES = [{"name": "income", "dtype": "float32", "optional": False, "missing": None}]


@pytest.fixture(scope="session")
def registry_server() -> str:
    return shared_server()


def models_of(tmp_path: Path, *overrides: str) -> Models:
    stores = ("registry.environments.production.store=" + str(tmp_path / "production"),)
    staging = "registry.environments.staging.store=" + str(tmp_path / "staging")
    config = find_pipeline("student_dropout").load((*stores, staging, *overrides))
    return open_models(config, TASK, tmp_path / "runs")


def add(models: Models, content: bytes = b"graph", accuracy: float = 0.8, store: ModelStore | None = None) -> Push:
    assert isinstance(models.store, FolderStore)
    model = models.store.path.parent / "model"
    (model / "assets.extra").mkdir(parents=True, exist_ok=True)
    (model / "saved_model.pb").write_bytes(content)
    (model / "assets.extra/yachay.json").write_text(json.dumps({"family": content.decode(), "features": FEATURES}))
    blessing = {"blessed": True, "metrics": {"accuracy": accuracy}}
    return push(model, store or models.store, trained_hash="t", golden=b"", blessing=blessing, run_id="run-1")


def test_the_newest_push_is_the_challenger_and_a_promoted_one_the_champion(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    first = add(models)
    done = models.promote("production", why="the first model", who="Rosa")
    second = add(models, b"better", 0.85)

    versions, problem = models.versions()
    assert problem == ""
    assert [(one.push.version, one.aliases, one.environments) for one in versions] == [
        (second.version, ("challenger",), ()),
        (first.version, ("champion",), ("production",)),
    ]
    assert done.push.uri == f"{tmp_path}/production/student-dropout--semester2/push-{first.version}"
    assert done.push.content_hash == first.content_hash
    assert [(event.who, event.why, event.source) for event in models.history(first.version)] == [
        ("Rosa", "the first model", first.uri)
    ]


def test_a_candidate_of_a_retraining_waits_for_its_promotion_into_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = models_of(tmp_path, "registry.environments.production={}")
    first = add(models)
    monkeypatch.setattr(time, "time", lambda: first.version + 60)
    waiting = add(models, b"better", store=models.candidates)

    assert [one.push.version for one in models.versions()[0]] == [waiting.version, first.version]
    done = models.promote("production", "challenger", why="beats the champion on the newest labels")

    assert done.push.uri == f"{models.store.uri}/push-{waiting.version}"
    assert models.in_service() == {"production": waiting.version}
    assert len(models.versions()[0]) == 2


def test_the_same_promotion_again_does_nothing(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    add(models)
    models.promote("production", why="good")

    again = models.promote("production", "champion", why="good")

    assert again.event is None
    assert len(models.history(again.push.version)) == 1


def test_two_promotions_at_once_make_one_copy(tmp_path: Path) -> None:
    push_ = add(models_of(tmp_path))
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: models_of(tmp_path).promote("production", why="good"), range(4)))

    assert {(one.push.uri, one.push.content_hash) for one in done} == {
        (f"{tmp_path}/production/student-dropout--semester2/push-{push_.version}", push_.content_hash)
    }
    models = models_of(tmp_path)
    assert models.in_service() == {"production": push_.version}
    assert len(list_pushes(models.stores["production"])) == 1


@pytest.mark.integration
def test_a_promotion_that_is_killed_while_it_copies_is_done_by_the_next(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    push_ = add(models)
    code = f"""
import os
from pathlib import Path
from yachay.pipelines.models import open_models
from yachay.pipelines.registry import find_pipeline

stores = ["registry.environments.production.store={tmp_path}/production"]
models = open_models(find_pipeline("student_dropout").load(stores), "{TASK}", Path("{tmp_path}/runs"))
os.rename = os.replace = lambda *_, **__: os.kill(os.getpid(), 9)
models.promote("production", why="good")
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=300)
    assert killed.returncode == -9, killed.stderr
    assert list_pushes(models.stores["production"]) == []
    assert models.in_service() == {}

    done = models.promote("production", why="good")

    assert done.push.content_hash == push_.content_hash
    assert models.in_service() == {"production": push_.version}
    assert len(models.history(push_.version)) == 1


def test_an_older_version_is_not_promoted_over_a_newer_one(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    first = add(models)
    second = add(models, b"better")
    models.promote("production", why="better")

    with pytest.raises(UsageError, match=f"Expected a version after {second.version}, which production has"):
        models.promote("production", str(first.version), why="back")


def test_a_version_is_found_by_number_hash_and_alias(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    first, second = add(models), add(models, b"better")
    models.promote("staging", str(first.version), why="to try")

    for name in (str(first.version), f"push-{first.version}", first.content_hash[:8], "staging"):
        assert models.find(name) == first
    assert models.find(None) == models.find("challenger") == second
    with pytest.raises(UsageError, match=r"Received: 'stagin'.* Did you mean 'staging'"):
        models.find("stagin")


def test_the_difference_of_two_versions_is_in_metrics_and_facts(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    first, second = add(models), add(models, b"better", 0.85)

    found = models.diff(first, second)

    assert found["metrics"]["accuracy"]["difference"] == pytest.approx(0.05)
    assert found["changed"]["family"] == {"first": "graph", "second": "better"}
    assert "features" not in found["changed"]


def test_what_is_in_service_is_not_retired(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    first = add(models)
    models.promote("production", why="good")

    with pytest.raises(UsageError, match=f"Received: {first.version}, which is in production"):
        models.retire(first, why="old")


def test_a_retired_version_is_gone_and_the_store_says_why(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    first, second = add(models), add(models, b"better")

    models.retire(first, why="superseded", who="Rosa")

    assert [one.push.version for one in models.versions()[0]] == [second.version]
    [event] = models.history(first.version)
    assert (event.kind, event.who, event.why) == ("retired", "Rosa", "superseded")


def test_retention_keeps_the_newest_the_young_and_what_is_in_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = models_of(tmp_path, "registry.retention.keep=2", "registry.retention.days=30")
    pushes = [add(models, name) for name in (b"a", b"b", b"c", b"d")]
    models.promote("production", str(pushes[0].version), why="good")

    assert models.outdated() == []
    monkeypatch.setattr(time, "time", lambda: pushes[-1].version + 31 * 86400)
    assert models.outdated() == [pushes[1]]
    assert models.outdated([pushes[1].content_hash]) == []


def test_an_unknown_environment_and_no_reason_are_rejected(tmp_path: Path) -> None:
    models = models_of(tmp_path)
    add(models)

    with pytest.raises(UsageError, match=r"one of registry.environments \(production, staging\).*'prodution'"):
        models.promote("prodution", why="x")
    with pytest.raises(UsageError, match="Expected --why to say why"):
        models.promote("production", why=" ")


def test_an_empty_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Expected a pushed model in .* Run the pipeline first"):
        models_of(tmp_path).find(None)


@pytest.mark.integration
def test_a_registry_that_is_down_stops_no_promotion_and_is_told_later(
    tmp_path: Path, registry_server: str, client_run: Any
) -> None:
    models = models_of(tmp_path, "tracking.uri=http://127.0.0.1:9")
    made = add(models)
    done = models.promote("production", why="good")
    assert done.event is not None
    assert "Expected the server http://127.0.0.1:9 to take the request" in done.problem

    again = models_of(tmp_path, f"tracking.uri={registry_server}").promote("production", str(made.version), why="good")

    assert (again.event, again.problem) == (None, "")
    [version] = MlflowRegistry(registry_server).versions(models.name)
    assert version.aliases == ("champion",)
    assert models_of(tmp_path, f"tracking.uri={registry_server}").versions()[0][0].registered == version.number


@pytest.mark.integration
def test_a_registry_with_another_digest_stops_a_promotion_before_anything_is_done(
    tmp_path: Path, registry_server: str, client_run: Any
) -> None:
    models = models_of(tmp_path, f"tracking.uri={registry_server}")
    made = add(models)
    models.promote("staging", why="to try")
    version = MlflowRegistry(registry_server).versions(models.name)[-1]
    client_run.set_model_version_tag(models.name, version.number, "content_hash", "0" * 64)

    with pytest.raises(RegistryError, match="Somebody registered another model as that push"):
        models.promote("production", why="good")

    assert models.in_service() == {"staging": made.version}
    assert "another content hash" in models.versions()[0][0].problem


@pytest.fixture
def client_run(registry_server: str) -> Iterator[Any]:
    """MLflow's client of a server that has the run of the pushes, and forgets the model at the end."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(registry_server)
    found = client.get_experiment_by_name("home")
    experiment = found.experiment_id if found else client.create_experiment("home")
    client.create_run(experiment, tags={"yachay.key": "student-dropout--semester2/run-1"})
    yield client
    if client.search_registered_models("name = 'student_dropout-semester2'"):
        client.delete_registered_model("student_dropout-semester2")
