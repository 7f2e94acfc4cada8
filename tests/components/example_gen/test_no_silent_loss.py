"""Every raw line of a file is in a row kept, in the quarantine, or there is an error."""

import csv
import io
import tempfile
import time
from pathlib import Path

import pytest
from csv_lines import CsvFile, csv_files
from hypothesis import HealthCheck, example, given, settings
from hypothesis.strategies import integers

from yachay.components.example_gen.csv_segments import Grammar, read_segments
from yachay.components.example_gen.csv_table import CsvTable
from yachay.components.example_gen.csv_text import CsvText
from yachay.components.example_gen.tables import Quarantined
from yachay.errors import DataError

pytestmark = pytest.mark.integration

CHECKED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(content: bytes, columns: list[str]) -> tuple[list[dict[str, str | None]], list[Quarantined]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_bytes(content)
        table = CsvTable(CsvText(path), columns, ",", [""])
        rows = [row for batch in table.batches(columns) for row in batch.to_pylist()]
        quarantined = list(table.locate_rest())
        assert len(quarantined) == table.num_ragged
        return rows, quarantined


def lost_marks(file: CsvFile, columns: list[str]) -> list[str]:
    try:
        rows, quarantined = read(file.content, columns)
    except DataError:
        return []
    seen = "\n".join([*(value or "" for row in rows for value in row.values()), *(row.record for row in quarantined)])
    return [mark for mark in file.marks if mark not in seen]


@CHECKED
@given(csv_files())
def test_the_content_of_every_line_is_in_a_row_or_in_the_quarantine(file):
    assert lost_marks(file, ["mark", "text", "target", "note"]) == []


@CHECKED
@given(csv_files(mess=[b'"'], max_mess=1, is_cut=False))
@example(CsvFile(b'mark,text,target,note\nm0m,,yes,"oops\nm1m,,no,\nm2m,"a",no,\n', ("m0m", "m1m", "m2m")))
@example(CsvFile(b'mark,text,target,note\nm0m,",yes,\nm1m,",x",yes,\nm2m,,no,"a"\n', ("m0m", "m1m", "m2m")))
def test_a_stray_quote_in_a_column_that_is_not_read_loses_no_line(file):
    assert lost_marks(file, ["mark", "text", "target"]) == []


@CHECKED
@given(csv_files(max_mess=0, is_cut=False))
def test_rows_are_those_of_the_standard_library_where_the_quotes_are_right(file):
    text = file.content.decode("utf-8-sig")
    expected = list(csv.reader(io.StringIO(text, newline=""), strict=True))[1:]
    rows, quarantined = read(file.content, ["mark", "text", "target", "note"])
    expected = [fields for fields in expected if fields]
    assert [list(row.values()) for row in rows] == [
        [field or None for field in fields] for fields in expected if len(fields) == 4
    ]
    assert len(quarantined) == len([fields for fields in expected if len(fields) != 4])


@CHECKED
@given(csv_files(), integers(4, 60))
def test_the_size_of_the_blocks_that_are_read_leaves_no_trace(file, block_bytes):
    def divide(size):
        segments = list(read_segments(io.BytesIO(file.content), Grammar(","), size))
        assert b"".join(segment.data for segment in segments) == file.content.removeprefix(b"\xef\xbb\xbf")
        clean = b"".join(segment.data for segment in segments if not segment.reason)
        return clean, [(segment.line, segment.data) for segment in segments if segment.reason]

    assert divide(block_bytes) == divide(1 << 20)


@pytest.mark.parametrize("place", ["the first row", "the middle", "the last row"])
def test_an_unclosed_quote_in_a_column_that_is_not_read_costs_one_row(write_csv, run_ingest, place):
    good = [f"{i},,Cuzco,{'yes' if i % 2 else 'no'},fine" for i in range(1000)]
    row = {"the first row": 0, "the middle": 500, "the last row": 999}[place]
    good[row] = good[row].replace("fine", '"not fine')
    ingested = run_ingest(write_csv(*good, header="age,grade,city,target,note", good=0))
    assert (ingested.summary.rows_read, ingested.summary.rows_kept) == (1000, 999)
    assert [(line["line"], line["record"]) for line in ingested.quarantine] == [(str(row + 2), good[row])]
    assert "a quote that is never closed" in ingested.quarantine[0]["reason"]


def test_a_quote_opened_in_one_block_of_the_file_and_never_closed_costs_one_row(write_csv, run_ingest):
    good = [f"{i},,{'x' * 500},{'yes' if i % 2 else 'no'},fine" for i in range(20_000)]
    good[3] = good[3].replace("fine", '"not fine')
    good[9_000] = good[9_000].replace("fine", '"fine, too"')
    summary = run_ingest(write_csv(*good, header="age,grade,city,target,note", good=0)).summary
    assert (summary.rows_read, summary.rows_kept) == (20_000, 19_999)


def test_a_line_of_many_megabytes_with_a_quote_is_read_in_seconds():
    started = time.monotonic()
    content = b'mark,text\nm0m,x\nm1m,"' + b"x" * 20_000_000 + b"\nm2m,x\n"
    rows, quarantined = read(content, ["mark", "text"])
    assert ([row["mark"] for row in rows], [row.line for row in quarantined]) == (["m0m", "m2m"], [3])
    assert time.monotonic() - started < 20
