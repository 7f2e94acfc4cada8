from pathlib import Path

import pytest

from yachay.cli.main import run
from yachay.cli.pushed_model import find_model
from yachay.model_store.location import open_store
from yachay.model_store.store import push
from yachay.pipelines.registry import find_pipelines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["student_dropuot"], "Did you mean 'student_dropout'?"),
        (["student_dropout"], "Received: none. Run `yachay run student_dropout --data FILE` first."),
        (
            ["student_dropout", "--task", "semester1", "--workdir", "elsewhere"],
            "Run `yachay run student_dropout --data FILE --task semester1 --workdir elsewhere` first.",
        ),
        (["./mine"], "Received: none. Run `yachay run ./mine --data FILE` first."),
        (["student_dropout", "--set", "push.store=shared"], "Expected a pushed model in shared/student-dropout-"),
        (["student_dropout", "--set", "push.stor=x"], "push.stor: no such field. Did you mean 'store'?"),
        ([".", "--set", "push.store=shared"], "Expected --set beside a pipeline. Received: beside a folder of models."),
        (["student_dropout", "--task", "semester3"], "Did you mean 'semester"),
        ([".", "--task", "semester2"], "Expected --task beside a pipeline."),
        (["student_dropout", "--port", "x"], "'x' is not a valid integer"),
    ],
)
def test_what_cannot_be_served_is_rejected_before_anything_is_loaded(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    own = find_pipelines()["student_dropout"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").write_text(own.config_path.read_text())

    assert run(["serve", *arguments]) == 2
    assert message in capsys.readouterr().err


def _push(tmp_path: Path, uri: str) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "saved_model.pb").write_bytes(b"graph")
    push(model, open_store(uri), trained_hash="hash", golden=b"")


def test_the_store_of_the_configuration_is_served(tmp_path: Path) -> None:
    _push(tmp_path, f"{tmp_path}/shared/student-dropout--semester2")

    found = find_model("student_dropout", "semester2", None, (f"push.store={tmp_path}/shared",), tmp_path / "runs")

    assert found == ("student-dropout", [f"--model_dir={tmp_path}/shared/student-dropout--semester2"])


def test_a_store_in_a_bucket_is_polled_less_often(tmp_path: Path) -> None:
    assert find_model("s3://models/dropout", None, None, (), tmp_path) == (
        "model",
        ["--model_dir=s3://models/dropout", "--poll_seconds=30"],
    )


def test_a_claim_is_served_from_where_it_is_mounted(tmp_path: Path) -> None:
    _push(tmp_path, f"{tmp_path}/models/student-dropout--semester2")
    overrides = (f"push={{store: pvc://claim/models, mount: {tmp_path}}}",)

    _, flags = find_model("student_dropout", "semester2", None, overrides, tmp_path / "runs")

    assert flags == [f"--model_dir={tmp_path}/models/student-dropout--semester2"]
