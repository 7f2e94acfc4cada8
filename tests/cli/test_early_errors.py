"""What `run` and `evaluate` reject before TFX is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from yachay.cli.main import run
from yachay.schemas.student_dropout.mock import write_mock_csv


@pytest.mark.parametrize("command", ["run", "evaluate"])
def test_an_unknown_schema_is_a_clear_error(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run([command, "student_dropout", "--set", "data.schema=nope", "--workdir", str(tmp_path)])

    assert status == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("Error: Expected a schema that is shipped (student_dro")


@pytest.mark.parametrize("command", ["run", "evaluate"])
def test_renamed_columns_are_all_named_before_anything_heavy_is_imported(command: str, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    write_mock_csv(data)
    header, records = data.read_text().split("\n", 1)
    separator = ";" if ";" in header else ","
    names = [f"{name.strip(chr(34))} 2024" for name in header.strip("\ufeff").split(separator)]
    data.write_text(separator.join(names) + "\n" + records)
    arguments = [command, "student_dropout", "--data", str(data), "--workdir", str(tmp_path / "w")]
    program = (
        f"import sys; from yachay.cli.main import run; status = run({arguments!r});"
        " print(status, [name for name in ('tfx', 'tensorflow', 'sklearn') if name in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.split("\n")[-2] == "1 []"
    assert "Received: 37 of 37 missing, the label among them." in result.stderr
    assert "'Target' is missing. Did you mean 'Target 2024'?" in result.stderr
    assert "... and 27 more" in result.stderr
    assert not (tmp_path / "w").exists()


def test_a_damaged_push_beside_the_runs_is_named_before_the_run_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "student-dropout--semester2--mock"
    push = home / "models/push-7"
    push.mkdir(parents=True)
    (push / "push.json").write_text("")

    status = run(["run", "student_dropout", "--workdir", str(tmp_path)])

    assert status == 1
    assert f"Expected {push}/push.json to say what was pushed." in capsys.readouterr().err
    assert not (home / "runs").exists()
