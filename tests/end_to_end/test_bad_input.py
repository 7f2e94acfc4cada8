"""What a person meets at the command line when the data or the configuration does not fit."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yachay.schemas.student_dropout.mock import write_mock_csv

pytestmark = pytest.mark.end_to_end

# One process for all cases: TFX takes long to import.
DRIVER = """
import contextlib, io, json, sys
from yachay.cli.main import run
results = []
for arguments in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = run(arguments)
    results.append([int(status), json.loads(out.getvalue())])
print(json.dumps(results))
"""


def lines_of(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8-sig").split("\r\n")


def edited(edit: Callable[[list[str]], list[str]]) -> Callable[[list[str]], bytes]:
    return lambda lines: "\r\n".join(edit(lines)).encode()


def replaced(index: int, column: int, value: str) -> Callable[[list[str]], list[str]]:
    def edit(lines: list[str]) -> list[str]:
        fields = lines[index].split(";")
        fields[column] = value
        return [*lines[:index], ";".join(fields), *lines[index + 1 :]]

    return edit


def every(column: int, value: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [
        lines[0],
        *(";".join([*line.split(";")[:column], value, *line.split(";")[column:][1:]]) for line in lines[1:] if line),
    ]


CASES: dict[str, tuple[Callable[[list[str]], bytes], str]] = {
    "empty": (lambda lines: b"", "empty"),
    "header_only": (edited(lambda lines: lines[:1]), "a header only"),
    "wrong_separator": (lambda lines: "\r\n".join(lines).replace(";", "#").encode(), "separator"),
    "missing_column": (edited(lambda lines: [line.partition(";")[2] for line in lines]), "Marital_status"),
    "no_label": (edited(lambda lines: [line.rpartition(";")[0] for line in lines]), "Target"),
    "one_label_value": (edited(every(36, "Graduate")), "at least two values of the label"),
    "unknown_label": (edited(every(36, "Expelled")), "Expelled"),
    "text_in_a_number": (edited(every(6, "good")), "good"),
    "ragged": (edited(lambda lines: [lines[0], *(f"{line};1" for line in lines[1:] if line)]), "37"),
    "binary": (lambda lines: os.urandom(2048) + b"\0", "text"),
    "not_utf8": (lambda lines: "\r\n".join(lines).encode() + b"\xff\xfe;\r\n", "UTF-8"),
    "duplicate_header": (edited(replaced(0, 1, "Marital status")), "distinct"),
    "too_few_rows": (edited(lambda lines: lines[:12]), "min_slice_rows"),
    "out_of_range": (edited(every(19, "3")), "Age_at_enrollment"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("bad")
    write_mock_csv(folder / "good.csv", num_rows=300)
    good = lines_of(folder / "good.csv")
    commands = []
    for name, (make, _) in CASES.items():
        (folder / f"{name}.csv").write_bytes(make(good))
        commands.append(
            ["run", "student_dropout", "--data", str(folder / f"{name}.csv"), "--workdir", str(folder / name), "--json"]
        )
    process = subprocess.run(
        [sys.executable, "-c", DRIVER], input=json.dumps(commands), capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr
    return {name: (status, summary) for name, (status, summary) in zip(CASES, json.loads(process.stdout), strict=True)}


@pytest.mark.parametrize("case", CASES)
def test_bad_data_fails_with_a_message_and_leaves_nothing(
    results: dict[str, tuple[int, dict[str, Any]]], case: str
) -> None:
    status, summary = results[case]

    assert status == 1
    assert CASES[case][1] in summary["error"]
    assert summary["verdict"] is None
    assert summary["pushed_model_uri"] is None
    if summary["log"] is not None:  # Else the header was rejected, before a folder was made for the run.
        home = Path(summary["log"]).parents[2]
        assert not (home / "models").exists()
        # Transform may have begun beside the check that fails.
        assert not [path for path in home.glob("artifacts/Transform/**/*") if path.is_file()]
