"""Where rejected records go: one CSV file, with the place and the reason of each."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import MAX_FAILURES_SHOWN
from ..access import unwritable
from .notes import NOTES_FILE, Note, to_csv
from .tables import Quarantined

QUARANTINE_FILE = "quarantine.csv"


class QuarantineWriter:
    """Writes rejected records to `quarantine.csv` with the columns file, line, column, reason and record.

    Args:
        folder: path. Gets the file.
        target: path. Where the folder's content moves to at the end, for messages.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self.first: list[str] = []
        self.num_written = 0
        self._folder, self._target = folder, target
        self._stream = (folder / QUARANTINE_FILE).open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(field.name for field in fields(Quarantined))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stream.close()
        except OSError as failure:
            raise unwritable(self._target, failure) from None

    def write_notes(self, notes: Sequence[Note]) -> None:
        """Writes what a reader changed or left out to `notes.csv`, where it did."""
        if not notes:
            return
        try:
            (self._folder / NOTES_FILE).write_text(to_csv(notes), encoding="utf-8")
        except OSError as error:
            raise unwritable(self._target, error) from None

    def write(self, records: Iterable[Quarantined]) -> None:
        """Writes rejected records and keeps the first few for a message."""
        for record in records:
            try:
                self._writer.writerow(astuple(record))
            except OSError as error:
                raise unwritable(self._target, error) from None
            self.num_written += 1
            if len(self.first) < MAX_FAILURES_SHOWN:
                column = f"column {record.column!r}: " if record.column else ""
                self.first.append(f"{Path(record.file).name}, line {record.line}: {column}{record.reason}")
