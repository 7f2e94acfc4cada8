from pathlib import Path

import pytest

from yachay.cli.main import run


@pytest.mark.parametrize("command", ["run", "evaluate"])
def test_an_unknown_schema_is_a_clear_error_of_the_command(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run([command, "student_dropout", "--set", "data.schema=nope", "--workdir", str(tmp_path)])

    assert status == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("Error: Expected a schema that is shipped (student_dro")
