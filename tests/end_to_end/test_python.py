"""A run from Python: it returns its summary and changes nothing of the process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

PROGRAM = """
import json, logging, os, signal, sys
import yachay

def state():
    root = logging.getLogger()
    handlers = [type(handler).__name__ for handler in root.handlers]
    descriptors = [tuple(os.fstat(number))[:3] for number in (0, 1, 2)]
    signals = [repr(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    return [descriptors, sys.argv, handlers, root.level, signals, os.getcwd()]

before = state()
try:
    summary = yachay.run("student_dropout", workdir=sys.argv[1], overrides=sys.argv[2:])
except yachay.YachayError as error:
    print(json.dumps({"error": str(error), "unchanged": state() == before}))
else:
    print(json.dumps({"verdict": summary.verdict, "log": summary.log, "unchanged": state() == before}))
"""


def run(*arguments: str) -> dict[str, object]:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    output: dict[str, object] = json.loads(result.stdout)
    return output


def test_a_run_from_python_returns_its_summary_and_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    output = run(str(tmp_path), "model.family=linear")

    assert output["unchanged"]
    assert output["verdict"] in ("blessed", "not_blessed")
    assert "Trainer" in Path(str(output["log"])).read_text(encoding="utf-8")


def test_an_invalid_run_from_python_is_an_error(tmp_path: Path) -> None:
    output = run(str(tmp_path), "model.famly=linear")

    assert output["unchanged"]
    assert "model.famly" in str(output["error"])
