"""The raw text of a CSV file, divided into runs of well-formed records and single malformed lines.

A quote that is never closed would make one field of all that follows, up to the next quote or the end of the file. So
quotes are checked before anything is parsed: where a record does not keep to the grammar, its first line is malformed
and reading resumes on the next one. A quote opens a field only at its beginning; elsewhere in a record of one line it
is a character, as in `5" pipe`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 4 << 20
PIECE_BYTES = 1 << 16
QUOTE = b'"'
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BAD_QUOTES = "a quote that is never closed, or that closes before text; double it if it is part of the text"


@dataclass(frozen=True)
class Segment:
    """Consecutive lines of a file.

    Args:
        line: int. Number of the first one, from 1.
        data: bytes. The lines with their ends; whole records unless they are malformed.
        reason: string. Why they are malformed, or empty.
    """

    line: int
    data: bytes
    reason: str = ""


@dataclass(frozen=True)
class Records:
    """The records of a segment.

    Args:
        data: bytes.
        lines: int array `(N,)`. The line on which each begins.
        starts: int array `(N,)`. Where each begins in `data`.
        stops: int array `(N,)`. Where each ends, without the line end.
        num_fields: int array `(N,)`.
    """

    data: bytes
    lines: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    num_fields: NDArray[np.int64]

    def text(self, position: int) -> bytes:
        """Returns a record as it stands."""
        return self.data[self.starts[position] : self.stops[position]]


class Grammar:
    """The form of a record with a separator.

    Args:
        separator: string. One ASCII character.
    """

    def __init__(self, separator: str) -> None:
        self.separator = separator.encode()
        s = re.escape(self.separator)
        quoted = rb'"(?:[^"]++|"")*+"'
        quoted_in_line = rb'"(?:[^"\r\n]++|"")*+"'
        plain = rb'[^"%b\r\n]*+' % s
        loose = rb'(?:%b(?=[%b\r\n]|\Z)|[^"%b\r\n][^%b\r\n]*+|)' % (quoted_in_line, s, s, s)
        strict = rb"(?:%b|%b)" % (quoted, plain)
        of_one_line = rb"%b(?:%b%b)*+" % (loose, s, loose)
        of_lines = rb"%b(?:%b%b)*+" % (strict, s, strict)
        body = rb"(?:%b(?=[\r\n]|\Z)|%b)" % (of_one_line, of_lines)
        # In the last block a record may end with the file. In others `\r` may be the first half of a line end.
        self._record = {
            True: re.compile(rb"%b(?:\r\n|\r|\n|\Z)" % body),
            False: re.compile(rb"%b(?:\r\n|\r(?!\Z)|\n)" % body),
        }
        self._unfinished = re.compile(rb'(?:%b%b)*+(?:"(?:[^"]++|"")*+"?|%b)\r?\Z' % (strict, s, plain))
        self._quoted_field = re.compile(rb"(?<![^%b\r\n])%b" % (s, quoted))
        self._marks = np.zeros(256, bool)
        self._marks[[*self.separator, *QUOTE, *b"\r\n"]] = True

    def is_regular(self, data: bytes, quotes: np.ndarray) -> bool:
        """Returns whether each quote but doubled ones stands at the beginning or the end of a field.

        Args:
            data: bytes. From the beginning of a record.
            quotes: int array. Positions of all quotes before the end of a record.
        """
        if len(quotes) % 2:
            return False
        # A blank before the first byte and after the last: both are the ends of a record.
        text = np.frombuffer(b"\n" + data + b"\n", np.uint8)
        return bool(self._marks[text[quotes[::2]]].all() and self._marks[text[quotes[1::2] + 2]].all())

    def match(self, data: bytes, start: int, *, is_last: bool) -> int | None:
        """Returns where the record that begins at `start` ends, or None where it is malformed or unfinished."""
        found = self._record[is_last].match(data, start)
        return found.end() if found else None

    def is_unfinished(self, data: bytes, start: int) -> bool:
        """Returns whether what begins at `start` may become a record with more bytes."""
        return self._unfinished.match(data, start) is not None

    def records(self, segment: Segment) -> Records:
        """Returns the records of a well-formed segment, without blank lines."""
        data = segment.data
        text = np.frombuffer(data, np.uint8)
        line_ends = record_ends = _line_ends(text)
        if QUOTE in data:
            # What stands in quotes ends no field and no record.
            text = np.frombuffer(self._quoted_field.sub(lambda field: b"x" * len(field[0]), data), np.uint8)
            record_ends = _line_ends(text)
        starts = np.append(0, record_ends + 1)
        stops = np.append(record_ends, len(data))
        if len(data):
            stops -= (
                (stops > starts)
                & (text[np.minimum(stops, len(data) - 1)] == ord("\n"))
                & (text[stops - 1] == ord("\r"))
            )
        is_blank = stops == starts
        starts, stops = starts[~is_blank], stops[~is_blank]
        separators = np.flatnonzero(text == self.separator[0])
        num_fields = np.searchsorted(separators, stops) - np.searchsorted(separators, starts) + 1
        return Records(data, segment.line + np.searchsorted(line_ends, starts), starts, stops, num_fields)


def read_segments(stream: IO[bytes], grammar: Grammar, block_bytes: int = BLOCK_BYTES) -> Iterator[Segment]:
    """Yields a file's lines in their order, in segments of about `block_bytes`.

    Args:
        stream: binary file. Decompressed.
        grammar: `Grammar`.
        block_bytes: int. How much is read at once. Defaults to `BLOCK_BYTES`, above which a record in quotes is taken
            for one whose quote is never closed.
    """
    line, rest, is_last = 1, b"", False
    while not is_last:
        block = stream.read(block_bytes)
        is_last = not block
        if line == 1 and not rest and block.startswith(BYTE_ORDER_MARK):
            block = block[len(BYTE_ORDER_MARK) :]
        data = rest + block
        end = 0
        for segment in _divide(data, line, grammar, is_last=is_last):
            yield segment
            end += len(segment.data)
            line += count_lines(segment.data)
        rest = data[end:]


def count_lines(data: bytes) -> int:
    """Returns the number of lines that end in `data`: by `\\n`, `\\r` or both together."""
    num_lines = data.count(b"\n")
    return num_lines + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else num_lines


def _divide(data: bytes, line: int, grammar: Grammar, *, is_last: bool) -> Iterator[Segment]:
    if QUOTE not in data:
        end = len(data) if is_last else _last_line_end(data)
        if end:
            yield Segment(line, data[:end])
        return
    quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == QUOTE[0])
    end, num_quotes = (len(data), len(quotes)) if is_last else _last_record_end(data, quotes)
    if not end and len(data) < BLOCK_BYTES:
        return
    if end and grammar.is_regular(data[:end], quotes[:num_quotes]):
        yield Segment(line, data[:end])
    elif len(data) > 2 * PIECE_BYTES:
        yield from _divide_in_pieces(data, line, grammar, is_last=is_last)
    else:
        yield from _divide_carefully(data, line, grammar, is_last=is_last)


def _divide_in_pieces(data: bytes, line: int, grammar: Grammar, *, is_last: bool) -> Iterator[Segment]:
    """Divides a block so that only what is near an irregular quote is read record by record."""
    start = stop = 0
    while stop < len(data):
        # What no piece ended is read again from its beginning, so pieces grow with it.
        stop = min(stop + max(PIECE_BYTES, stop - start), len(data))
        is_end = stop == len(data)
        part = data[start:stop]
        # What no piece ended is a record in quotes that is longer than they are.
        divide = _divide_carefully if is_end or len(part) > 2 * PIECE_BYTES else _divide
        for segment in divide(part, line, grammar, is_last=is_last and is_end):
            yield segment
            start += len(segment.data)
            line += count_lines(segment.data)


def _divide_carefully(data: bytes, line: int, grammar: Grammar, *, is_last: bool) -> Iterator[Segment]:
    clean_start = start = 0
    while start < len(data):
        quote = data.find(QUOTE, start)
        if quote < 0:
            start = len(data) if is_last else max(_last_line_end(data), start)
            break
        start = _line_start(data, start, quote)
        end = grammar.match(data, start, is_last=is_last)
        if end is None:
            if not is_last and len(data) - start < BLOCK_BYTES and grammar.is_unfinished(data, start):
                break
            end = _first_line_end(data, start, is_last=is_last)
            if end is None:
                break
            if start > clean_start:
                yield Segment(line, data[clean_start:start])
                line += count_lines(data[clean_start:start])
            yield Segment(line, data[start:end], BAD_QUOTES)
            line += 1
            clean_start = end
        start = end
    if start > clean_start:
        yield Segment(line, data[clean_start:start])


def _last_record_end(data: bytes, quotes: np.ndarray) -> tuple[int, int]:
    """Returns the end of the last record if all quotes are right, and the number of quotes before it."""
    end = _last_line_end(data)
    num_quotes = int(np.searchsorted(quotes, end))
    if num_quotes % 2 == 0:
        return end, num_quotes
    text = np.frombuffer(data, np.uint8)
    ends = _line_ends(text[:-1]) + 1
    outside = np.flatnonzero(np.searchsorted(quotes, ends) % 2 == 0)
    if not len(outside):
        return 0, 0
    end = int(ends[outside[-1]])
    return end, int(np.searchsorted(quotes, end))


def _line_ends(text: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Returns the positions of the last byte of each line end."""
    is_end = text == ord("\n")
    is_return = text == ord("\r")
    if is_return.any():
        is_return[:-1] &= ~is_end[1:]
        is_end |= is_return
    return np.flatnonzero(is_end)


def _last_line_end(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    # A `\r` at the very end may be the first half of `\r\n`.
    return max(end, data.rfind(b"\r", end, len(data) - 1) + 1)


def _first_line_end(data: bytes, start: int, *, is_last: bool) -> int | None:
    found = re.compile(rb"\r\n|\r(?!\Z)|\n").search(data, start)
    if found:
        return found.end()
    return len(data) if is_last else None


def _line_start(data: bytes, start: int, place: int) -> int:
    return max(data.rfind(b"\n", start, place), data.rfind(b"\r", start, place), start - 1) + 1
