from pathlib import Path

import pytest

from yachay.cli.main import run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["student_dropuot"], "Did you mean 'student_dropout'?"),
        (["student_dropout"], "Received: none. Run `yachay run student_dropout` first."),
        (["student_dropout", "--task", "semester3"], "Did you mean 'semester"),
        ([".", "--task", "semester2"], "Expected --task beside a pipeline."),
        (["student_dropout", "--port", "x"], "'x' is not a valid integer"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_is_loaded(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["serve", *arguments]) == 2
    assert message in capsys.readouterr().err
