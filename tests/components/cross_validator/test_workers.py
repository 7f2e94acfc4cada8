import logging
import multiprocessing
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from yachay.components.cross_validator import workers
from yachay.components.cross_validator.workers import available_memory, run_folds
from yachay.errors import DataError, RunError

pytestmark = pytest.mark.integration

ROWS = [(np.arange(3), np.array([number])) for number in range(4)]

WORK = """
import multiprocessing, os, signal, time
from yachay.errors import DataError

class Work:
    def __init__(self, what=None):
        self.what = what

    def needs_processes(self):
        return self.what == "apart"

    def prepare(self):
        pass

    def run(self, number, train_rows, held_out):
        if self.what == "kill" and number == 2 and multiprocessing.parent_process():
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "fail" and number == 2:
            raise DataError("Expected records. Received: none.", ["line 7"])
        if self.what == "wait" and number > 1:
            time.sleep(600)
        return number, int(held_out[0]), os.getpid()
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "work_of_a_test.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("work_of_a_test").Work
    sys.modules.pop("work_of_a_test")


def test_folds_of_several_processes_come_in_their_order(work: Any) -> None:
    found = list(run_folds(work(), ROWS, workers=2))

    assert [(number, row) for number, row, _ in found] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert len({process for *_, process in found}) <= 2
    assert multiprocessing.current_process().pid not in {process for *_, process in found}
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [None, 1])
def test_work_that_needs_processes_of_its_own_has_them(work: Any, workers: int | None) -> None:
    found = list(run_folds(work("apart"), ROWS, workers))

    assert [number for number, *_ in found] == [1, 2, 3, 4]
    assert multiprocessing.current_process().pid not in {process for *_, process in found}


def test_a_killed_process_is_an_error_that_names_the_remedy_and_leaves_no_other(work: Any) -> None:
    with pytest.raises(
        RunError, match=r"Expected each process to end its work\. Received: one that ended before.*--wor"
    ):
        list(run_folds(work("kill"), ROWS, workers=2))

    assert multiprocessing.active_children() == []


def test_the_error_of_a_fold_passes_as_it_is_and_leaves_no_process(work: Any) -> None:
    with pytest.raises(DataError, match=r"Expected records\. Received: none\.\n  - line 7"):
        list(run_folds(work("fail"), ROWS, workers=2))

    assert multiprocessing.active_children() == []


def test_a_fold_that_nobody_waits_for_any_more_is_ended(work: Any) -> None:
    folds = run_folds(work("wait"), ROWS, workers=2)

    assert next(folds)[0] == 1
    folds.close()

    assert multiprocessing.active_children() == []


def test_quick_folds_run_in_this_process(work: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        found = list(run_folds(work(), ROWS))

    assert {process for *_, process in found} == {multiprocessing.current_process().pid}
    assert "Folds run one after the other: side by side they would save 0 s" in caplog.text


def test_long_folds_are_worth_as_many_processes_as_there_are_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "joblib", SimpleNamespace(cpu_count=lambda: 3))

    assert workers.worth_starting(4, 20.0) == 3
    assert workers.worth_starting(4, 7.0) == 1


def test_no_more_folds_run_at_a_time_than_the_memory_allows(
    work: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "available_memory", lambda: 1 << 20)

    found = list(run_folds(work(), ROWS, workers=4))

    assert {process for *_, process in found} == {multiprocessing.current_process().pid}
    assert "1 run side by side, not 4: 1 MiB are free" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="shown by /proc")
def test_the_limit_of_a_control_group_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = available_memory()
    (tmp_path / "limit").write_text(f"{5 << 20}\n")
    (tmp_path / "used").write_text(f"{2 << 20}\n")
    monkeypatch.setattr(workers, "_LIMIT", str(tmp_path / "limit"))
    monkeypatch.setattr(workers, "_USED", str(tmp_path / "used"))

    assert whole is not None
    assert available_memory() == 3 << 20 < whole
