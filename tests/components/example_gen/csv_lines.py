"""CSV files of any kind for property tests: each raw line has a mark of its own, by which it can be found again."""

import dataclasses

from hypothesis import strategies as st

HEADER = b"mark,text,target,note"
MESS = [b'"', b'""', b",", b"x", b" ", b"7", b'"a,b"', b"\0", b"\xff", b"\xc3\xb1", b";", b"'"]
ENDS = [b"\n", b"\r\n", b"\r", b"\n\n"]
FIELDS = [b"", b"x", b'"x"', b'""', b'"a,b"', b'"a ""b"" c"', b'"two\nlines"', b'"two\r\nlines"']
LITERAL_QUOTES = [b'5" pipe', b'a"b"']


@dataclasses.dataclass(frozen=True)
class CsvFile:
    """A generated file.

    Args:
        content: bytes.
        marks: tuple of strings. One for each raw line that begins a row.
    """

    content: bytes
    marks: tuple[str, ...]


@st.composite
def csv_files(draw: st.DrawFn, mess: list[bytes] | None = None, max_mess: int = 6, is_cut: bool = True) -> CsvFile:
    """Returns files of regular rows, some with anything inserted anywhere after their mark, and some cut short."""
    field = st.sampled_from(FIELDS + (LITERAL_QUOTES if is_cut else []))
    num_rows = draw(st.integers(1, 25))
    rows, marks = [], []
    for i in range(num_rows):
        mark = f"m{i}m"
        marks.append(mark)
        fields = [mark.encode(), draw(field), draw(st.sampled_from([b"yes", b"no"])), draw(field)]
        rows.append(bytearray(b",".join(fields)))
    for _ in range(draw(st.integers(0, max_mess))):
        row = rows[draw(st.integers(0, num_rows - 1))]
        place = draw(st.integers(len(row.split(b",")[0]), len(row)))
        row[place:place] = draw(st.sampled_from(MESS if mess is None else mess))
    for _ in range(draw(st.integers(0, 2 if is_cut else 0))):
        row = rows[draw(st.integers(0, num_rows - 1))]
        del row[draw(st.integers(row.index(b"m", 1) + 1, len(row))) :]
    end = draw(st.sampled_from(ENDS))
    last = draw(st.sampled_from([b"", end]))
    bom = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return CsvFile(bom + HEADER + end + end.join(map(bytes, rows)) + last, tuple(marks))
