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
    """Returns a line for each file, change and reason: how often, and where first."""
    counts = Counter((note.file, note.change, note.reason) for note in notes)
    first = {(note.file, note.change, note.reason): note for note in reversed(notes)}
    return [
        f"{file}: {count} {'record' if first[kind].column == '' else 'value'}{'' if count == 1 else 's'} {change}, "
        f"{reason} (row {first[kind].line}{f', {first[kind].record}' if first[kind].record else ''}"
        f"{'' if count == 1 else ' and others'}; see {NOTES_FILE})"
        for kind, count in counts.items()
        for file, change, reason in [kind]
    ]
