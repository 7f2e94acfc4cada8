"""`yachay monitor`: its exit status, JSON and page, over a push in a folder."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_logs import draw, log_table, small_reference, write_log

from yachay.cli import main
from yachay.components.drift_monitor.reference import REFERENCE_FILE
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.store import push


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A push of nothing but what the monitor reads."""
    folder = tmp_path_factory.mktemp("pushed")
    model = folder / "model"
    (model / "assets.extra").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"")
    (model / REFERENCE_FILE).write_bytes(small_reference().to_json())
    return push(model, FolderStore(folder / "store"), trained_hash="", golden=b"").uri


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    status = main.run(["monitor", "student_dropout", "--json", *arguments])
    captured = capsys.readouterr()
    return status, json.loads(captured.out), captured.err


def test_a_quiet_log_is_status_0_and_a_shifted_one_4(
    pushed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--model", pushed, "--window", "1000", "--workdir", str(tmp_path))
    quiet = write_log(tmp_path / "quiet", log_table(draw(1000, seed=1)))
    shifted = write_log(tmp_path / "shifted", log_table(draw(1000, seed=1, shift=1.0)))

    status, document, _ = call(capsys, "--log", quiet, *options)
    assert (status, document["verdict"], document["error"]) == (0, "quiet", None)
    assert Path(document["page_uri"]).is_file()
    status, document, _ = call(capsys, "--log", shifted, *options, "-o", str(tmp_path / "page"))
    assert (status, document["verdict"]) == (4, "drift")
    assert document["features"][0]["name"] == "grade"
    assert (tmp_path / "page" / "monitor.json").is_file()


def test_a_version_whose_push_has_no_reference_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "saved_model.pb").write_bytes(b"")
    uri = push(model, FolderStore(tmp_path / "store"), trained_hash="", golden=b"").uri
    status, document, _ = call(capsys, "--log", str(tmp_path), "--model", uri)

    assert status == 1
    assert "has no assets.extra/reference.json" in document["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Expected the place of a prediction log"),
        (("--log", "x", "--window", "7x"), "window: expected a time, such as 7d"),
        (("--log", "x", "--since", "yesterday"), "since: expected a time"),
        (("--log", "x", "--model", "store/model"), "Expected --model to name a push"),
        (("--log", "x", "--follow"), "Expected --follow or --json"),
    ],
)
def test_invalid_options_are_status_2(
    arguments: tuple[str, ...],
    message: str,
    pushed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = () if "--model" in arguments else ("--model", pushed)
    status, document, _ = call(capsys, *arguments, *model)

    assert status == 2
    assert message in document["error"]
