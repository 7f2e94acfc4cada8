"""A run that is terminated, and one whose disk is full."""

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

HOME = "student-dropout--semester2--mock"


def test_a_terminated_run_leaves_a_summary_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "yachay.cli.main", "run", "student_dropout", "--workdir", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / HOME / "artifacts/StatisticsGen").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 143
    assert errors.endswith("Interrupted by SIGTERM.\nThe same command goes on from the finished nodes.\n")
    summary = json.loads(output)
    assert summary["error"] == "Interrupted by SIGTERM."
    [written] = (tmp_path / HOME / "runs").glob("*/summary.json")
    assert json.loads(written.read_text()) == summary
    assert {node["id"]: node["state"] for node in summary["nodes"]}["ColumnarExampleGen"] == "done"


@pytest.mark.parametrize("size", [20_000, 300_000])
def test_a_full_disk_is_a_clear_error_and_leaves_no_push(size: int, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the smaller stops the database, the larger the records."""
    command = [sys.executable, "-m", "yachay.cli.main", "run", "student_dropout", "--workdir", str(tmp_path), "--json"]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )

    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "Free disk space" in json.loads(result.stdout)["error"]
    assert not (tmp_path / HOME / "models").exists()
