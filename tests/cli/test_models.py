"""`yachay models` and `yachay track` from the store alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from yachay.cli.main import run
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.store import Push, push

HOME = "student-dropout--semester2"


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def add(workdir: Path, content: bytes) -> Push:
    model = workdir.parent / "model"
    (model / "assets.extra").mkdir(parents=True, exist_ok=True)
    (model / "saved_model.pb").write_bytes(content)
    (model / "assets.extra/yachay.json").write_text(json.dumps({"family": "linear", "features": [{"name": "income"}]}))
    blessing = {"blessed": True, "metrics": {"accuracy": 0.75}}
    return push(model, FolderStore(workdir / HOME / "models"), trained_hash="t", golden=b"", blessing=blessing)


def models(workdir: Path, *arguments: str) -> int:
    return run(["models", arguments[0], "student_dropout", *arguments[1:], "--workdir", str(workdir)])


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    output: dict[str, Any] = json.loads(capsys.readouterr().out)
    return output


def test_a_model_is_promoted_listed_shown_compared_and_retired(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = add(workdir, b"one"), add(workdir, b"other")

    assert models(workdir, "promote", "--to", "production", "--why", "better", "--who", "Rosa", "--json") == 0
    promoted = shown(capsys)
    assert (promoted["state"], promoted["version"], promoted["alias"]) == ("promoted", second.version, "champion")
    assert models(workdir, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"student_dropout-semester2, 2 in {workdir / HOME / 'models'}"
    assert lines[1].startswith(f"  {second.version}")
    assert lines[1].endswith("blessed  accuracy 0.7500  champion  in production")
    assert models(workdir, "show", "champion") == 0
    assert "promoted to production by Rosa: better" in capsys.readouterr().out
    assert models(workdir, "diff", str(first.version), "champion") == 0
    assert "content_hash: " in capsys.readouterr().out
    assert models(workdir, "retire", str(first.version), "--why", "old", "--json") == 0
    assert shown(capsys)["retired"] == [first.version]


def test_what_is_in_service_or_not_named_is_not_retired(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(workdir, b"one")
    assert models(workdir, "promote", "--to", "production", "--why", "good") == 0

    assert models(workdir, "retire", "champion", "--why", "old") == 2
    assert "which is in production" in capsys.readouterr().err
    assert models(workdir, "retire", "--why", "old") == 2
    assert "Expected a VERSION or --old. Received: neither." in capsys.readouterr().err
    assert models(workdir, "retire", "--old", "--why", "old") == 0
    assert "Nothing to retire." in capsys.readouterr().out


def test_a_run_without_a_spool_has_nothing_to_send(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workdir / HOME / "runs" / "20261122-100000-abcd").mkdir(parents=True)
    (workdir / HOME / "runs" / "20261122-100000-abcd" / "config.yaml").write_text("name: student_dropout\n")

    assert run(["track", "20261122-100000-abcd", "--workdir", str(workdir)]) == 2
    assert "to have something to send in" in capsys.readouterr().err
