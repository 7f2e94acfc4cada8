"""`yachay verify` against the predict API."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from yachay.cli import main
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.golden import GoldenRequest, write_golden
from yachay.model_store.store import Push, push

NAME = "student-dropout--semester2"


@pytest.fixture
def rows(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [row, {**row, "town": None}, {**row, "income": 0.25, "visits": None}]


@pytest.fixture
def golden(model_dir: Path, serve: Callable[..., AbstractContextManager[Any]], rows: list[Any]) -> list[GoldenRequest]:
    with serve(model_dir) as server:
        predictions = server.predict({"instances": rows}).json()["predictions"]
    return [GoldenRequest(row, one) for row, one in zip(rows, predictions, strict=True)]


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return tmp_path / "work"


def pushed(workdir: Path, model_dir: Path, golden: list[GoldenRequest]) -> Push:
    store = FolderStore(workdir / NAME / "models")
    return push(model_dir, store, trained_hash="0" * 64, golden=write_golden(golden))


def test_what_serves_is_compared_with_its_push(
    workdir: Path,
    model_dir: Path,
    golden: list[GoldenRequest],
    serve: Callable[..., AbstractContextManager[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = pushed(workdir, model_dir, golden)
    with serve(Path(first.uri)) as server:
        asked = ["verify", "student_dropout", "--url", server.url, "--name", "tiny", "--workdir", str(workdir)]

        assert main.run([*asked, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert (answer["state"], answer["version"], answer["requests"]) == ("ok", first.version, 3)

        other = pushed(workdir, model_dir, golden[:1])
        assert main.run([*asked, "--receipt", f"{other.uri}/push.json"]) == 2
        assert f"Expected the push.json of version {first.version}" in capsys.readouterr().err


@pytest.mark.parametrize("has_golden", [True, False])
def test_another_prediction_and_a_push_without_golden_requests_are_said(
    workdir: Path,
    model_dir: Path,
    golden: list[GoldenRequest],
    has_golden: bool,
    serve: Callable[..., AbstractContextManager[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = GoldenRequest(golden[1].row, {**golden[1].prediction, "scores": [0.5, 0.5]})
    only = pushed(workdir, model_dir, [golden[0], wrong] if has_golden else [])
    with serve(Path(only.uri)) as server:
        status = main.run(
            ["verify", "student_dropout", "--url", server.url, "--name", "tiny", "--workdir", str(workdir)]
        )
    said = capsys.readouterr().out

    if has_golden:
        assert status == 1
        assert said.startswith(f"MISMATCH: tiny, version {only.version}\n  requests   2\n")
        assert "for golden row 2 (missing: town) in a request of 1 rows" in said
    else:
        assert status == 3
        assert said.startswith("NONE: tiny")
        assert "has no golden requests (push.golden)" in said


def test_a_server_that_is_away_is_an_error(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["verify", "student_dropout", "--url", "http://127.0.0.1:9", "--workdir", str(workdir)]) == 1

    assert (
        "Expected http://127.0.0.1:9/v2/models/student-dropout--semester2 to say which version"
        in capsys.readouterr().err
    )
    assert main.run(["verify", "student_dropout", "--host", "a.example.com"]) == 2
