"""Each bad input has a message that a person can act on, and leaves nothing half-written."""

import contextlib
import gzip
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from yachay.components.example_gen.settings import Column, ColumnType
from yachay.components.prediction_task import SplitSettings
from yachay.errors import DataError


@pytest.fixture
def rejected(tmp_path, run_ingest):
    """Returns the message with which an ingest fails, once nothing is seen to stay of it."""

    def reject(path, **changes):
        with pytest.raises(DataError) as caught:
            run_ingest(path, **changes)
        for folder in (tmp_path / "examples", tmp_path / "quarantine"):
            assert not folder.exists() or not list(folder.iterdir())
        return str(caught.value)

    return reject


def test_missing_file(tmp_path, write_csv, rejected):
    write_csv(name="students.csv")
    message = rejected(tmp_path / "student.csv")
    assert "no such file or folder" in message
    assert re.search(r"Did you mean '.*students\.csv'\?", message)


def test_glob_without_a_match(tmp_path, rejected):
    assert "Expected files that match" in rejected(tmp_path / "*.csv")


def test_empty_folder(tmp_path, rejected):
    (tmp_path / "raw").mkdir()
    assert "Received: an empty folder" in rejected(tmp_path / "raw")


def test_folder_without_data(tmp_path, rejected):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "notes.docx").write_text("notes")
    assert "Received: notes.docx. Rename them" in rejected(tmp_path / "raw")


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_file(tmp_path, rejected, content):
    (tmp_path / "data.csv").write_text(content)
    assert "Received: an empty file" in rejected(tmp_path / "data.csv")


def test_header_only(write_csv, rejected):
    assert "Received: a header only" in rejected(write_csv(good=0))


def test_wrong_separator_names_the_one_that_fits(write_csv, rejected):
    message = rejected(write_csv(), separator=";")
    assert "with the separator ';'. Received: one, 'age,grade,city,target'" in message
    assert "The separator ',' would fit" in message


def test_a_separator_that_is_none_of_the_usual_ones(write_csv, rejected):
    path = write_csv()
    path.write_text(path.read_text().replace(",", "^"))
    assert "None of ',' ';' '\\t' '|' fits: set `data.separator`" in rejected(path)


def test_missing_column_names_the_nearest(write_csv, rejected):
    message = rejected(write_csv(header="Age (years),grade,citty,target"))
    assert "Received: 2 of 4 missing. Columns that are not in the schema: 'Age (years)', 'citty'." in message
    assert "'city' is missing. Did you mean 'citty'?" in message
    assert "'age' is missing." in message


def test_label_column_absent(write_csv, rejected):
    message = rejected(write_csv(header="age,grade,city,Targt"))
    assert "the label column 'target'. Received: 'age', 'grade', 'city', 'Targt'. Did you mean 'Targt'?" in message


def test_every_missing_column_is_named_the_label_first(write_csv, rejected):
    lines = rejected(write_csv(header="age_2024,grade_2024,city_2024,target_2024")).splitlines()
    assert "Received: 4 of 4 missing, the label among them." in lines[0]
    assert "Correct the header (is the first line one?)" in lines[0]
    assert lines[1:] == [
        "  - 'target' is missing. Did you mean 'target_2024'?",
        "  - 'age' is missing. Did you mean 'age_2024'?",
        "  - 'grade' is missing. Did you mean 'grade_2024'?",
        "  - 'city' is missing. Did you mean 'city_2024'?",
    ]


def test_thousands_of_renamed_columns_are_named_at_once(write_csv, rejected):
    columns = {f"column_{i}": Column(type=ColumnType.FLOAT32) for i in range(3000)}
    header = ",".join(["target", *(f"renamed column {i} of another year" for i in range(3000))])
    start = time.monotonic()
    message = rejected(write_csv(header=header, good=0), columns={**columns, "target": Column(type=ColumnType.STRING)})
    assert time.monotonic() - start < 10
    assert "Received: 3000 of 3001 missing." in message
    assert message.endswith("... and 2990 more")


def test_all_headers_are_checked_before_a_record_is_read(write_csv, rejected, tmp_path):
    write_csv(*["x,,,no"] * 90, name="raw/a.csv")
    write_csv(header="age,grade,town,target", name="raw/b.csv")
    message = rejected(tmp_path / "raw")
    assert "b.csv to have all columns of the schema. Received: 1 of 4 missing." in message


def test_one_label_value_only(write_csv, rejected):
    path = write_csv()
    path.write_text(path.read_text().replace("yes", "no"))
    assert "at least two values of the label 'target'. Received: 'no' in all 40 records" in rejected(path)


def test_unknown_label_values(write_csv, rejected):
    message = rejected(write_csv(), label_values=("dropout", "graduate"))
    assert "Received: none of 40" in message
    assert "data.csv, line 2: column 'target': unknown label 'no', expected one of 'dropout', 'graduate'" in message


def test_text_in_a_numeric_column_names_the_first_lines(write_csv, rejected):
    message = rejected(write_csv(*[f"{i} years,,,no" for i in range(15)]), max_quarantined_share=0.1)
    assert "at most 10.00% of the records not to fit. Received: 15 of 55, 27.27%" in message
    assert "data.csv, line 2: column 'age': '0 years' is no whole number" in message
    assert message.count("is no whole number") == 10


def test_ragged_rows(write_csv, rejected):
    message = rejected(write_csv("1,2", "1,2,3,4,5"), max_quarantined_share=0.01)
    assert "data.csv, line 2: 2 fields, the header has 4" in message
    assert "data.csv, line 3: 5 fields, the header has 4" in message


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04 sheets", "an Excel workbook"),
        (b"age,\0\0\0", "a zero byte at byte 5"),
    ],
)
def test_binary_file(tmp_path, rejected, content, kind):
    (tmp_path / "data.csv").write_bytes(content)
    message = rejected(tmp_path / "data.csv")
    assert f"Received: a binary file ({kind}" in message
    assert "Save it as CSV in UTF-8" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("age,".encode("utf-16"), "Received: UTF-16 text. Set `data.encoding: utf-16`"),
        (b'{"age": 3}\n{"age": 4}\n', "Received: JSON."),
        (b'[{"age": 3}]', "Received: JSON."),
        (b"<!DOCTYPE html><html>", "Received: a web page or XML."),
    ],
)
def test_text_that_is_no_csv(tmp_path, rejected, content, message):
    (tmp_path / "data.csv").write_bytes(content)
    assert message in rejected(tmp_path / "data.csv")


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
def test_not_utf8_names_the_place(write_csv, rejected, name):
    message = rejected(write_csv("1,0.5,Lima,no", "1,0.5,Junín,no", encoding="latin-1", name=name))
    assert "the byte 0xed on line 3 (byte 46 of the file). Name its encoding (`data.encoding: cp1252`" in message


def test_not_utf8_in_the_header(write_csv, rejected):
    assert "the byte 0xf1 on line 1 (byte 2 of the file)" in rejected(
        write_csv(header="añe,grade,city,target", encoding="latin-1")
    )


def test_duplicate_header(write_csv, rejected):
    message = rejected(write_csv(header="age,age,city,target"))
    assert "Expected column names to be distinct. Received: 'age' twice" in message


def test_all_rows_quarantined_even_where_all_may_be(write_csv, rejected):
    assert "Expected records that fit. Received: none of 2" in rejected(
        write_csv("x,,,no", "y,,,no", good=0), max_quarantined_share=1.0
    )


def test_too_few_rows_for_two_splits(write_csv, rejected):
    message = rejected(write_csv("1,,,no", "2,,,yes", good=0), split=SplitSettings(eval_share=0.0001))
    assert "Expected at least 1 records in each split. Received: 0 of 2 in 'eval'" in message


def test_too_few_rows(write_csv, rejected):
    assert "Expected at least 100 records in each split. Received: " in rejected(write_csv(), min_rows=100)


def test_truncated_gzip(write_csv, rejected):
    path = write_csv(good=5000, name="data.csv.gz")
    path.write_bytes(path.read_bytes()[:-200])
    assert "to be a whole gzip file" in rejected(path)


@pytest.mark.parametrize("line", ['1,0.5,"Lima,no', '1,0.5,Lima,"no', '1,0.5,"Lima" and Cuzco,no'])
def test_a_quote_that_is_never_closed(write_csv, rejected, line):
    message = rejected(write_csv("1,0.5,Cuzco,no", line), max_quarantined_share=0.01)
    assert "data.csv, line 3: a quote that is never closed, or that closes before text; double it if it" in message


def test_a_quote_in_the_header_that_closes_before_text(write_csv, rejected):
    assert "Expected quotes in the header" in rejected(write_csv(header='age,grade,city,target,"no"te'))


@contextlib.contextmanager
def file_size_limit(num_bytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_full(write_csv, rejected):
    path = write_csv(good=50_000)
    with file_size_limit(100_000):
        message = rejected(path)
    assert re.search(r"Expected to write to .*examples\. Received: .*too large.* Free disk space", message, re.I)


def test_disk_full_of_rejected_records(write_csv, rejected):
    path = write_csv(*["x,0.5,Lima,no"] * 20_000, good=20_100)
    with file_size_limit(100_000):
        message = rejected(path)
    assert re.search(r"Expected to write to .*quarantine\. Received: .*too large.* Free disk space", message, re.I)


@pytest.mark.parametrize("pattern", ["closed", "closed/data.csv", "closed/*.csv", "unreadable.csv"])
def test_without_permission(pattern):
    program = "import sys; from yachay.components.example_gen.inputs import resolve_input; resolve_input(sys.argv[1])"
    # Not pytest's folder: that is closed to other users altogether.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "closed").mkdir()
        (root / "closed" / "data.csv").write_text("a,b\n1,2\n")
        (root / "unreadable.csv").write_text("a,b\n1,2\n")
        root.chmod(0o755)
        (root / "unreadable.csv").chmod(0)
        (root / "closed").chmod(0)
        ran = subprocess.run(
            [sys.executable, "-c", program, str(root / pattern)],
            user="nobody" if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            check=False,
        )
        (root / "closed").chmod(0o700)
    assert "DataError: Expected" in ran.stderr
    assert "to be readable. Received: permission denied. Give this user the permission" in ran.stderr


def test_a_message_about_a_gzip_file_is_about_its_text(tmp_path, rejected):
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(b"age,grade,city,target\n"))
    assert "Received: a header only" in rejected(tmp_path / "data.csv.gz")


@pytest.mark.parametrize("header", ['age,grade,city,"target', '"age,grade,city,target'])
def test_a_header_whose_quote_is_never_closed_is_named_in_a_moment(write_csv, rejected, header):
    started = time.monotonic()
    path = write_csv(*["1,0.5,Lima,no"] * 200_000, header=header)
    assert f"Expected quotes in the header of {path} to be closed" in rejected(path)
    assert time.monotonic() - started < 20


def test_a_quote_within_a_name_of_the_header_is_a_character(write_csv, run_ingest):
    ingested = run_ingest(
        write_csv(
            *[f"{i},1,Lima,{t},x" for i in range(40) for t in ("no", "yes")],
            header='age,grade,city,target,5" pipe',
            good=0,
        )
    )
    assert (ingested.summary.rows_read, ingested.summary.rows_kept) == (80, 80)
