import json
import subprocess
import sys
from pathlib import Path

import pytest

from yachay.cli.main import run

HEADER = "Age,Town,Passed\n"
ROWS = [f"{15 + row * 7 % 40},{'abcd'[row * 3 % 7 % 4]},{'yes' if row * 11 % 13 < 6 else 'no'}\n" for row in range(400)]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text(HEADER + "".join(ROWS))
    arguments = ["new", "people", "--data", str(tmp_path / "data.csv"), "--label", "Passed", "--output", str(tmp_path)]
    assert run(arguments) == 0
    return tmp_path / "people"


def check(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict]:
    capsys.readouterr()
    status = run(["check", *map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_data_as_it_was_has_no_fault(pipeline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = check(capsys, pipeline)

    assert (status, found["rows"], found["faults"], found["warnings"]) == (0, 400, [], [])


def test_all_faults_of_the_data_are_shown_at_once(pipeline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = pipeline.parent / "bad.csv"
    bad.write_text("extra," + HEADER + "".join(f"1,{row}" for row in ROWS) + "1,old,a,yes\n" + "1,20,,maybe\n" * 20)

    status, found = check(capsys, pipeline, "--data", bad)

    assert status == 1
    assert found["faults"][0].startswith("21 of 421 rows do not fit")
    assert "Age: a value is no whole number: 1 of 421 rows, first record 401" in found["faults"]
    assert any(fault.startswith("Town: no value: 20 of 421 rows") for fault in found["faults"])
    assert found["warnings"] == ["the column 'extra' of bad.csv is not in the schema and is not read"]


def test_a_missing_column_is_a_fault(pipeline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = pipeline.parent / "bad.csv"
    bad.write_text("Age,Passed\n" + "20,yes\n")

    status, found = check(capsys, pipeline, "--data", bad)

    assert status == 1
    assert "'Town' is missing." in found["faults"][0]


def test_what_differs_from_the_profile_is_a_warning(pipeline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older = pipeline.parent / "older.csv"
    older.write_text(HEADER + "".join(ROWS[:100]) + "70,d,yes\n" * 100)

    status, found = check(capsys, pipeline, "--data", older)

    assert status == 0
    assert [warning.partition(" ")[0] for warning in found["warnings"]] == ["Age", "Town", "Passed"]


def test_a_configuration_is_checked_with_all_its_faults(pipeline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = pipeline / "config.yaml"
    config.write_text(
        config.read_text().replace("problem: classification", "problem: guess").replace("seed: 42", "seed: x")
    )

    status, found = check(capsys, pipeline)

    assert status == 2
    assert "problem" in found["error"]
    assert "model.seed" in found["error"]


def test_nothing_heavy_is_imported(pipeline: Path) -> None:
    code = (
        "import sys; from yachay.cli.main import run; status = run(['check', sys.argv[1]]); "
        "print(sorted({'tensorflow', 'tfx', 'apache_beam', 'sklearn'} & set(sys.modules))); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code, pipeline], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
