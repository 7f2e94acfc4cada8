"""What a reader changed or left out: notes that it yields between its batches, kept in `notes.csv`.

yield Note("idh_2019.xlsx", 1606, "", "", "dropped", "a heading")
yield pyarrow.record_batch(...)
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

NOTES_FILE = "notes.csv"


@dataclass(frozen=True)
class Note:
    """A value or record of a file that a reader did not take as it stands.

    Args:
        file: string. Name of the file, with the sheet where it has several.
        line: int. The line, row or entry in it, from 1.
        record: string. The key of the record; empty where it has none.
        column: string. The column as the file names it; empty where the whole record is meant.
        change: string. What was done: `"dropped"`, `"blanked"`, `"replaced"`.
        reason: string. The same text for all of a kind.
    """

    file: str
    line: int
    record: str
    column: str
    change: str
    reason: str


def to_csv(notes: Iterable[Note]) -> str:
    """Returns notes as CSV with a header."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(field.name for field in fields(Note))
    writer.writerows(astuple(note) for note in notes)
    return stream.getvalue()


def summarize(notes: Sequence[Note]) -> list[str]:
    """Returns a line for each file: how often it was changed in which way, and why."""
    lines = []
    for file in dict.fromkeys(note.file for note in notes):
        kinds = Counter((note.change, bool(note.column), note.reason) for note in notes if note.file == file)
        parts = [
            f"{count} {'value' if has_column else 'record'}{'' if count == 1 else 's'} {change} ({reason})"
            for (change, has_column, reason), count in kinds.items()
        ]
        lines.append(f"{file}: {', '.join(parts)}; see {NOTES_FILE}")
    return lines
