"""The trials of a search that is under way, so that a later start goes on where a killed one ended."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from ...files import write_atomically
from .record import Trial


class TrialLog:
    """A file with a line a trial, in the order in which they ended.

    Trials that the time cut off are not among those of a later start: it has more time for them.

    Args:
        path: path of the file, `<key of the search>.jsonl`; its folder is made where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        trials = _read(path) if path.exists() else []
        self.recorded = {trial.number: trial for trial in trials if trial.status != "out_of_time"}
        # Without what a kill left half written, and so that no line stands twice.
        write_atomically(path, "".join(_line(trial) for trial in self.recorded.values()))

    @property
    def seconds(self) -> float:
        """Seconds of the search before this start."""
        return max([trial.ended_seconds for trial in self.recorded.values()], default=0.0)

    def append(self, trial: Trial) -> None:
        """Adds a trial; it is on the disk when this returns."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(_line(trial))
            stream.flush()
            os.fsync(stream.fileno())


def _line(trial: Trial) -> str:
    return trial.model_dump_json() + "\n"


def _read(path: Path) -> list[Trial]:
    trials = []
    for line in path.read_bytes().splitlines():  # A line that was being written may end within a character.
        try:
            trials.append(Trial.model_validate_json(line))
        except ValidationError:
            break  # The line that was being written.
    return trials
