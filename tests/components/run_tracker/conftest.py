from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow_process import shared_server
from report_samples import sample_report

from yachay.components.evaluation_report.report import Lineage, Report
from yachay.components.run_tracker.describe import describe_run
from yachay.components.run_tracker.record import RunRecord
from yachay.components.run_tracker.settings import TrackerConfig
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.golden import GoldenRequest
from yachay.model_store.mlflow_model import describe_model
from yachay.model_store.store import Push, push

METADATA = {
    "format": 1,
    "family": "linear",
    "features": [{"name": "income", "dtype": "float32", "optional": False, "missing": None}],
}


@pytest.fixture(scope="session")
def server() -> str:
    """The address of a server that the tests share; each has an experiment of its own."""
    return shared_server()


@pytest.fixture
def client(server: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(server)


@pytest.fixture
def config(server: str, request: pytest.FixtureRequest) -> TrackerConfig:
    return tracker_config(server, request.node.name)


def tracker_config(uri: str, name: str = "sample", **changes: Any) -> TrackerConfig:
    fields: dict[str, Any] = {
        "uri": uri,
        "experiment": name,
        "pipeline": "student_dropout",
        "task": "semester2",
        "home": name,
        "model_name": name,
        "source": "https://archive.ics.uci.edu/dataset/697",
        "git_commit": "c0ffee",
    }
    return TrackerConfig(**fields | changes)


MakeRecord = Callable[..., RunRecord]


@pytest.fixture
def make_record(config: TrackerConfig, tmp_path: Path) -> MakeRecord:
    def make(run_id: str = "run-1", report: Report | None = None, **changes: Any) -> RunRecord:
        page = tmp_path / "report.html"
        page.write_text("<!doctype html><title>page</title>")
        record = describe_run(
            report or tracked_report(),
            config,
            run_id,
            {"Trainer": 2.5},
            {"Trainer": 300 * 2**20},
            {"report/report.html": str(page)},
            None,
        )
        return record.model_copy(update=changes)

    return make


def tracked_report(**changes: Any) -> Report:
    lineage = Lineage(
        pipeline="student_dropout", task="semester2", family="boosted_trees", seed=42, data_fingerprint="f" * 64,
        parameters={"max_depth": 4, "nested": {"rate": 0.1}},
    )  # fmt: skip
    slices = (({"Gender": "0"}, 6, {"accuracy": 0.75}), ({"Course": "Diseño/Arte ≥ 2"}, 4, {"accuracy": 0.5}))
    return sample_report(slices=slices, lineage=lineage, **changes)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "models")


def add_push(store: FolderStore, content: bytes = b"graph", **facts: Any) -> Push:
    model = store.path.parent / "model"
    (model / "assets.extra").mkdir(parents=True, exist_ok=True)
    (model / "saved_model.pb").write_bytes(content)
    golden = [GoldenRequest({"income": 1.5}, {"classes": "yes", "scores": [0.25, 0.75]})]
    described = describe_model(METADATA, golden, golden, "2026-11-22T10:00:00+00:00")
    blessing = {"blessed": True, "metrics": {"accuracy": 0.8}}
    return push(model, store, trained_hash="t", golden=b"", described=described, blessing=blessing, **facts)
