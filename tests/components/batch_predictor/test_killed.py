"""Real processes, killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from yachay.components.batch_predictor.predict import PredictionSummary

NUM_ROWS = 400_000
NOTE = 200 * "x"  # Parts are of 8 MB.


def start(model: Path, data: Path, output: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "yachay.cli.main", "predict", str(model), "--data", str(data)]
    return subprocess.Popen(
        [*command, "--output", str(output), "--key", "id"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def receipts(output: Path) -> int:
    return len(list((output.parent / f".staging-predict-{output.name}").glob("part-*.json")))


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_comes_to_the_same(
    model: Path, tmp_path: Path, score: Callable[..., PredictionSummary]
) -> None:
    data = tmp_path / "in put.csv"
    with data.open("w") as stream:
        stream.write("id,income,visits,town,note\n")
        stream.writelines(
            f"{row},{row % 977},{'x' if row % 39_989 == 0 else row % 7},Lima,{NOTE}\n" for row in range(NUM_ROWS)
        )
    output = tmp_path / "killed.csv"
    ended_by: list[int] = []
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        before = receipts(output)
        process = start(model, data, output)
        deadline = time.monotonic() + 300
        while receipts(output) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is None:
            os.kill(process.pid, number)
        process.communicate()
        ended_by.append(process.returncode)
        assert not output.exists()

    process = start(model, data, output)
    errors = process.communicate()[1]

    assert process.returncode == 0, errors
    assert ended_by == [-signal.SIGKILL, 130, -signal.SIGKILL]
    assert "were there from a run that was interrupted" in errors
    whole = score(data, "whole.csv", key=("id",))
    assert output.read_bytes() == Path(whole.output).read_bytes()
    assert output.with_name("killed.quarantine.csv").read_bytes() == Path(whole.quarantine).read_bytes()
    assert not list(tmp_path.glob(".staging*"))
