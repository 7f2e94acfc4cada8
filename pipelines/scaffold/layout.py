"""How a CSV file is written: its encoding, and its lines that are no records.

UTF-8 has a form that texts in other encodings hardly ever have by chance. A file that is not UTF-8 is taken for
Windows-1252, what Excel writes as CSV in western Europe and Latin America, only if nothing speaks against it: each of
its bytes beyond ASCII is a letter or a mark of Spanish, Portuguese, French or German, and the words with such letters
are mostly of plain ones, unlike those of Cyrillic or Greek, whose bytes are the same.

A title above the header has no more than a field or two where all other lines have many. A second header, of units or
the names once more, is the first record that is no number in any of the columns in which all others are numbers.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...components.example_gen.csv_table import SEPARATORS
from ...components.example_gen.csv_text import UTF8, CsvText, read_start
from ...components.example_gen.typed_tables import PARQUET_MAGIC
from .number_texts import MISSING_MARKERS
from .wording import Finding, say

PROBE_BYTES = 64 << 20
PROBE_LINES = 40
MIN_RECORDS = 3
MIN_PLAIN_SHARE = 0.5
MAX_SHOWN = 60

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_WESTERN = frozenset("áéíóúüñÁÉÍÓÚÜÑçÇàèìòùâêîôûãõäöëïÀÈÂÊÔÃÕÄÖßºª°¿¡€–—’‘“”…·´«»²³½\u00a0")
_TWICE_ENCODED = re.compile(r"[ÃÂ][^\x00-\x7f]")
_NOT_ASCII_LINE = re.compile(rb"[^\n]*[\x80-\xff][^\n]*")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\s*[+-]?[\d.,]*\d[\d.,]*([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Layout:
    """How the CSV files of a data set are written.

    Args:
        encoding: string. Defaults to UTF-8.
        ignored_lines: tuple of ints. Lines of each file, from 1, that are no records. Defaults to none.
        notes: tuple of `Finding`. What was decided, a line each.
    """

    encoding: str = UTF8
    ignored_lines: tuple[int, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of the part `data` of the configuration that differ from their defaults."""
        encoding = {"encoding": self.encoding} if self.encoding != UTF8 else {}
        return encoding | ({"ignored_lines": list(self.ignored_lines)} if self.ignored_lines else {})


def find_layout(paths: Sequence[Path]) -> Layout:
    """Returns how files are written: the encoding that suits all of them, and what all of them begin with.

    Args:
        paths: sequence of paths.

    Raises:
        DataError: if a file cannot be read.
    """
    texts = [path for path in paths if read_start(path, len(PARQUET_MAGIC)) != PARQUET_MAGIC]
    encodings = {_find_encoding(path) for path in texts}
    encoding = encodings.pop() if len(encodings) == 1 else UTF8
    notes = []
    if encoding != UTF8:
        notes.append(say("The file is not UTF-8 and is read as {encoding} (`data.encoding`).", encoding=encoding))
    found = [one for path in texts if (one := _find_ignored(CsvText(path, encoding))) is not None]
    ignored = {line: text for line, text in found[0].items() if all(line in one for one in found)} if found else {}
    notes += [
        say("Line {line} is no record and is ignored: {text!r} (`data.ignored_lines`).", line=line, text=text)
        for line, text in ignored.items()
    ]
    return Layout(encoding, tuple(ignored), tuple(notes))


def _find_encoding(path: Path) -> str:
    """Returns the encoding of a file; UTF-8 where another is not certain."""
    content = read_start(path, PROBE_BYTES)
    if content.startswith(_UTF16_MARKS):
        return "utf-16"
    if len(content) == PROBE_BYTES:
        content = content[: content.rfind(b"\n") + 1]
    try:
        content.decode(UTF8)
    except UnicodeDecodeError:
        return "cp1252" if _is_western(content) else UTF8
    return UTF8


def _is_western(content: bytes) -> bool:
    """Returns whether text that is not UTF-8 can be nothing but Windows-1252, or Latin-1 without its differences."""
    if b"\0" in content:
        return False
    try:
        lines = "\n".join(line.decode("cp1252") for line in _NOT_ASCII_LINE.findall(content))
    except UnicodeDecodeError:
        return False
    if not {mark for mark in lines if not mark.isascii()} <= _WESTERN or _TWICE_ENCODED.search(lines):
        return False
    letters = "".join(word for word in _WORD.findall(lines) if not word.isascii())
    return sum(map(str.isascii, letters)) >= MIN_PLAIN_SHARE * len(letters)


def _find_ignored(text: CsvText) -> dict[int, str] | None:
    """Returns the lines above the header and a second header below it, with their texts; None if none can show."""
    lines: dict[int, str] = {}
    try:
        for number, line in enumerate(text.lines(), start=1):
            if number > PROBE_LINES:
                break
            if line.count('"') % 2:
                return None  # A field goes on in the next line.
            if line.strip("\r\n"):
                lines[number] = line.strip("\r\n")
        rows = _split(lines)
    except (OSError, EOFError, UnicodeError, csv.Error):
        return None  # The reader says what is wrong; a field may be longer than `csv` reads.
    num_fields = Counter(map(len, rows.values())).most_common(1)[0][0] if rows else 0
    if sum(len(row) == num_fields for row in rows.values()) <= MIN_RECORDS:
        return None
    if num_fields < 2:
        return {}
    numbers = list(rows)
    first = next((place for place, number in enumerate(numbers) if _is_header(rows[number], num_fields)), 0)
    titles = numbers[:first]
    if not all(_is_title(rows[number], num_fields) for number in titles):
        return {}
    header, records = rows[numbers[first]], [rows[number] for number in numbers[first + 1 :]]
    ignored = {number: lines[number] for number in titles}
    if records and _is_second_header(header, records[0], [row for row in records[1:] if len(row) == num_fields]):
        ignored[numbers[first + 1]] = lines[numbers[first + 1]]
    return {number: text[:MAX_SHOWN] for number, text in ignored.items()}


def _split(lines: dict[int, str]) -> dict[int, list[str]]:
    """Returns the fields of lines by the separator by which most of them have as many, and those many."""

    def fields(separator: str) -> dict[int, list[str]]:
        return {number: next(csv.reader([line], delimiter=separator)) for number, line in lines.items()}

    def regularity(rows: dict[int, list[str]]) -> tuple[int, int]:
        num_fields, num_rows = Counter(map(len, rows.values())).most_common(1)[0]
        return (num_rows if num_fields > 1 else 0, num_fields)

    return max(map(fields, SEPARATORS), key=regularity) if lines else {}


def _is_header(row: Sequence[str], num_fields: int) -> bool:
    names = [name for name in row if name.strip()]
    return len(row) == num_fields and 2 * len(names) > num_fields and len(set(names)) == len(names)


def _is_title(row: Sequence[str], num_fields: int) -> bool:
    return sum(bool(name.strip()) for name in row) <= max(1, (num_fields - 1) // 2)


def _is_second_header(header: Sequence[str], row: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    if len(row) != len(header) or len(others) < MIN_RECORDS:
        return False
    if list(row) == list(header):
        return True
    numeric = [place for place in range(len(row)) if _are_numbers([other[place] for other in others])]
    texts = [row[place].strip() for place in numeric]
    named = [text for text in texts if text and text not in MISSING_MARKERS]
    return len(numeric) > 1 and 2 * len(named) > len(numeric) and not any(map(_NUMBER.fullmatch, named))


def _are_numbers(texts: Sequence[str]) -> bool:
    present = [text for text in texts if text.strip() not in ("", *MISSING_MARKERS)]
    return len(present) >= MIN_RECORDS and all(map(_NUMBER.fullmatch, present))
