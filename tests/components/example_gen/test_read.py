import datetime
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from yachay.components.example_gen.settings import Bins, Column, ColumnType
from yachay.components.prediction_task import SplitSettings
from yachay.errors import ConfigurationError, DataError

EXPECTED_RECORD = {"age": 31, "city": "Cuzco", "grade": 0.5, "target": "no"}


def first(ingested, age):
    return next(record for record in ingested.all_records if record["age"] == age)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_header(write_csv: Callable[..., Path], run_ingest, separator):
    path = write_csv()
    path.write_text(path.read_text().replace(",", separator))
    assert run_ingest(path).summary.rows_kept == 40


def test_any_separator_can_be_given(write_csv, run_ingest):
    path = write_csv()
    path.write_text(path.read_text().replace(",", "^"))
    assert run_ingest(path, separator="^").summary.rows_kept == 40


@pytest.mark.parametrize(
    "changes",
    [
        {"encoding": "utf-8-sig"},
        {"end": "\r\n"},
        {"name": "data.csv.gz"},
        {"name": "data.csv.gz", "encoding": "utf-8-sig", "end": "\r\n"},
    ],
)
def test_byte_order_mark_line_ends_and_gzip_change_nothing(write_csv, run_ingest, changes):
    ingested = run_ingest(write_csv("31,0.5,Cuzco,no", good=10, **changes))
    assert ingested.summary.rows_kept == 11
    assert first(ingested, 31) == EXPECTED_RECORD


def test_quoted_fields_hold_separators_quotes_and_line_ends(write_csv, run_ingest):
    ingested = run_ingest(write_csv('31,0.5,"Cuzco, ""old""\nand new",no', good=10))
    assert first(ingested, 31)["city"] == 'Cuzco, "old"\nand new'


def test_a_missing_value_is_a_feature_without_a_list(write_csv, run_ingest):
    ingested = run_ingest(write_csv("31,,NA,no", good=10), missing_values=("", "NA"))
    assert first(ingested, 31) == {"age": 31, "city": None, "grade": None, "target": "no"}


def test_names_become_identifiers_and_the_original_ones_are_kept(write_csv, run_ingest):
    ingested = run_ingest(
        write_csv(header='" age\t",grade (0-1),city,target'),
        columns={
            "age": Column(type=ColumnType.INT64),
            "grade_0_1": Column(type=ColumnType.FLOAT32),
            "target": Column(type=ColumnType.STRING),
        },
    )
    assert ingested.summary.original_names["age"] == " age\t"
    assert ingested.summary.original_names["grade_0_1"] == "grade (0-1)"


def test_a_header_may_hold_line_ends_and_follow_blank_lines(write_csv, run_ingest):
    ingested = run_ingest(write_csv("x,0.5,Cuzco,no", header='\n\n"age\n",grade,city,target'))
    assert ingested.summary.original_names["age"] == "age\n"
    assert [(row["line"], row["column"]) for row in ingested.quarantine] == [("5", "age")]


def test_a_column_that_is_not_asked_for_is_a_warning(write_csv, run_ingest):
    columns = {"age": Column(type=ColumnType.INT64), "target": Column(type=ColumnType.STRING)}
    ingested = run_ingest(write_csv(), columns=columns)
    assert ingested.summary.warnings == (
        "the column 'grade' is not in the schema and is not read",
        "the column 'city' is not in the schema and is not read",
    )
    assert set(ingested.all_records[0]) == {"age", "target"}


def test_a_class_that_does_not_occur_is_a_warning(write_csv, run_ingest):
    ingested = run_ingest(write_csv(), label_values=("no", "yes", "maybe"))
    assert ingested.summary.warnings == ("the label value 'maybe' does not occur",)


def test_equal_records_are_counted_and_in_one_split(write_csv, run_ingest):
    ingested = run_ingest(write_csv(*["80,0.5,Lima,no"] * 11))
    assert ingested.summary.warnings == (
        "10 of 51 records (19.6%) equal an earlier one: each split and fold keeps them together, the trainer's "
        "validation part does not; `data.drop_duplicates: true` keeps one of each",
    )
    assert sorted(sum(record["age"] == 80 for record in part) for part in ingested.records.values()) == [0, 11]


@pytest.mark.parametrize("split", [{"method": "group", "key": "age"}, {"method": "time", "key": "age"}])
def test_equal_records_are_no_matter_of_a_split_by_a_key(write_csv, run_ingest, split):
    lines = [*["80,0.5,Lima,no"] * 11, *(f"{age},0.5,Puno,yes" for age in range(81, 90))]
    ingested = run_ingest(write_csv(*lines), split=SplitSettings(**split))
    assert ingested.summary.warnings == ()


def test_a_label_in_parquet_that_is_not_utf8_is_named(tmp_path, run_ingest):
    labels = pa.array([b"yes", b"no", b"n\xff"] * 10, pa.binary())
    unchecked = pa.Array.from_buffers(pa.string(), len(labels), labels.buffers())
    ages = pa.array(range(30))
    pyarrow.parquet.write_table(pa.table({"age": ages, "target": unchecked}), tmp_path / "data.parquet")
    columns = {"age": Column(type=ColumnType.INT64), "target": Column(type=ColumnType.STRING)}
    with pytest.raises(
        DataError, match=r"Expected the column 'target' to hold .* text in UTF-8\. Received: Invalid UTF8"
    ):
        run_ingest(tmp_path / "data.parquet", columns=columns)


def test_a_folder_of_csv_and_parquet_with_columns_in_any_order_is_one_input(tmp_path, write_csv, run_ingest):
    write_csv(name="data/a.csv", good=10)
    table = pa.table({"target": ["no", "yes"], "city": ["Lima", None], "age": [80, 81], "grade": [0.25, None]})
    pyarrow.parquet.write_table(table, tmp_path / "data" / "b.parquet")
    (tmp_path / "data" / "README.md").write_text("about the data")
    (tmp_path / "data" / "_SUCCESS").write_text("")
    ingested = run_ingest(tmp_path / "data")
    assert ingested.summary.rows_kept == 12
    assert first(ingested, 80) == {"age": 80, "city": "Lima", "grade": 0.25, "target": "no"}
    assert first(ingested, 81) == {"age": 81, "city": None, "grade": None, "target": "yes"}
    assert ingested.summary.warnings == ("README.md is ignored: by its name it is no data",)


def test_a_glob_reads_what_it_matches(tmp_path, write_csv, run_ingest):
    write_csv(name="data/2023.csv", good=10)
    write_csv(name="data/2024.csv.gz", good=11)
    write_csv(name="data/other.csv", good=12)
    assert run_ingest(tmp_path / "data" / "20*").summary.rows_kept == 21


def test_parquet_types_become_those_of_the_columns(tmp_path, run_ingest):
    count = 30
    table = pa.table(
        {
            "age": pa.array([float(i) for i in range(count)]),
            "grade": pa.array([i % 2 == 0 for i in range(count)]),
            "city": pa.array(["Lima", "Cuzco", None] * 10).dictionary_encode(),
            "target": pa.array(["no", "yes"] * 15, pa.large_string()),
            "day": pa.array([86_400 * i for i in range(count)], pa.timestamp("s")),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    columns = {
        "age": Column(type=ColumnType.INT64),
        "grade": Column(type=ColumnType.FLOAT32),
        "city": Column(type=ColumnType.STRING, required=False),
        "target": Column(type=ColumnType.STRING),
        "day": Column(type=ColumnType.INT64),
    }
    ingested = run_ingest(tmp_path / "data.parquet", columns=columns)
    assert first(ingested, 3) == {"age": 3, "city": "Lima", "day": 259_200, "grade": 0.0, "target": "yes"}


def test_a_rejected_parquet_record_is_named_by_its_number(tmp_path, run_ingest):
    count = 22
    ages = [1, None, *range(20)]
    table = pa.table({"age": ages, "grade": [0.5] * count, "city": ["Lima"] * count, "target": ["no", "yes"] * 11})
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    (rejected,) = run_ingest(tmp_path / "data.parquet").quarantine
    assert (rejected["line"], rejected["column"], rejected["reason"]) == ("2", "age", "no value")
    assert rejected["record"] == '{"age": null, "grade": 0.5, "city": "Lima", "target": "yes"}'


def test_a_broken_parquet_file_is_named(tmp_path, run_ingest):
    (tmp_path / "data.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(
        DataError, match=r"Expected .*data\.parquet to be a whole Parquet file\. Received: .*Write it again"
    ):
        run_ingest(tmp_path / "data.parquet")


def test_a_reader_is_given_what_the_pattern_matches(tmp_path, run_ingest, monkeypatch):
    (tmp_path / "reader_of_sheets.py").write_text(
        "import pathlib, pyarrow as pa\n"
        "def read(path):\n"
        "    names = sorted(p.name for p in pathlib.Path(path).iterdir())\n"
        "    for start in (0, 20):\n"
        "        ages = list(range(start, start + 20))\n"
        "        yield pa.record_batch({'Age': ages, 'city': names * 10, 'target': ['no', 'yes'] * 10})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "raw").mkdir()
    for name in ("a.xlsx", "b.xlsx"):
        (tmp_path / "raw" / name).write_bytes(b"\0")
    columns = {
        "Age": Column(type=ColumnType.INT64),
        "city": Column(type=ColumnType.STRING),
        "target": Column(type=ColumnType.STRING),
    }
    ingested = run_ingest(tmp_path / "raw", columns=columns, reader="reader_of_sheets.read")
    assert ingested.summary.rows_kept == 40
    assert {record["city"] for record in ingested.all_records} == {"a.xlsx", "b.xlsx"}


READER_WITH_NOTES = """
import pyarrow as pa
from yachay.components.example_gen.attachments import Attachment
from yachay.components.example_gen.notes import Note
reads = []
def read(path, oldest=99):
    reads.append(path)
    yield Note("a.xlsx, sheet 'S'", 3, "010101", "Age", "blanked", "'S.I.' is no number")
    ages = [age for age in range(40) if age <= oldest]
    yield pa.record_batch({"Age": ages, "city": ["a"] * len(ages), "target": (["no", "yes"] * 20)[:len(ages)]})
    yield Attachment("ages.txt", b"40")
    for row in (41, 42):
        yield Note("a.xlsx, sheet 'S'", row, "", "", "dropped", "a total")
"""


@pytest.fixture
def reader_with_notes(tmp_path, monkeypatch):
    (tmp_path / "reader_with_notes.py").write_text(READER_WITH_NOTES)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.xlsx").write_bytes(b"\0")
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("reader_with_notes", None)
    columns = {
        "Age": Column(type=ColumnType.INT64),
        "city": Column(type=ColumnType.STRING),
        "target": Column(type=ColumnType.STRING),
    }
    return {"reader": "reader_with_notes.read", "columns": columns}


def test_what_a_reader_notes_is_counted_and_kept_beside_the_quarantine(tmp_path, run_ingest, reader_with_notes):
    ingested = run_ingest(tmp_path / "raw", **reader_with_notes)
    assert ingested.summary.rows_read == 40
    assert ingested.summary.warnings == (
        "a.xlsx, sheet 'S': 1 value blanked ('S.I.' is no number), 2 records dropped (a total); see notes.csv",
    )
    notes = next(tmp_path.rglob("notes.csv")).read_text().splitlines()
    assert notes[:2] == [
        "file,line,record,column,change,reason",
        "\"a.xlsx, sheet 'S'\",3,010101,Age,blanked,'S.I.' is no number",
    ]
    assert len(notes) == 4


@pytest.mark.parametrize("split", [{}, {"method": "time", "key": "Age"}])
def test_what_a_reader_attaches_lies_with_the_examples(tmp_path, run_ingest, reader_with_notes, split):
    run_ingest(tmp_path / "raw", **reader_with_notes, split=split)
    assert (tmp_path / "examples" / "attachments" / "ages.txt").read_bytes() == b"40"


def test_a_reader_is_called_once_and_with_its_options(tmp_path, run_ingest, reader_with_notes):
    ingested = run_ingest(tmp_path / "raw", **reader_with_notes, reader_options={"oldest": 19})
    assert ingested.summary.rows_kept == 20
    assert importlib.import_module("reader_with_notes").reads == [str(tmp_path / "raw")]


def test_options_that_a_reader_does_not_take_are_rejected(tmp_path, run_ingest, reader_with_notes):
    with pytest.raises(
        ConfigurationError, match=r"to be arguments of reader_with_notes\.read\(path, oldest=99\) .*eldest"
    ):
        run_ingest(tmp_path / "raw", **reader_with_notes, reader_options={"eldest": 19})


def test_options_without_a_reader_are_rejected(make_spec):
    with pytest.raises(ValueError, match="reader_options: expected none without a `reader`"):
        make_spec(reader_options={"oldest": 19})


def test_options_that_a_step_would_receive_as_another_type_are_rejected(make_spec):
    with pytest.raises(ValueError, match="not a valid JSON value"):
        make_spec(reader="a.read", reader_options={"since": datetime.date(2017, 10, 22)})


def test_a_reader_that_fails_is_named(tmp_path, run_ingest, monkeypatch):
    (tmp_path / "reader_that_fails.py").write_text("def read(path):\n    raise KeyError('UBIGEO')\n    yield\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match=r"Expected reader_that_fails\.read to read .*Received: KeyError: 'UBIGEO'"):
        run_ingest(tmp_path, reader="reader_that_fails.read")


def test_a_reader_that_does_not_exist_is_rejected(write_csv, run_ingest):
    with pytest.raises(ConfigurationError, match=r"`data.reader` to be the dotted path .*Received: 'nowhere.read'"):
        run_ingest(write_csv(), reader="nowhere.read")


def test_bins_are_string_columns_of_intervals(write_csv, run_ingest):
    ingested = run_ingest(
        write_csv("19,,,no", "20,,,yes", "25,,,no"),
        bins={"age_group": Bins(column="age", edges=(20, 25)), "level": Bins(column="grade", edges=(0.1,))},
    )
    by_age = {record["age"]: record for record in ingested.all_records}
    assert [by_age[age]["age_group"] for age in (19, 20, 24, 25)] == ["<20", "20-<25", "20-<25", ">=25"]
    assert by_age[19]["level"] is None
    assert by_age[21]["level"] == ">=0.1"


@pytest.mark.skipif("YACHAY_DATA" not in os.environ, reason="YACHAY_DATA does not name the folder of the real data")
def test_the_real_student_file_is_read_as_it_is(run_ingest, student_columns):
    path = Path(os.environ["YACHAY_DATA"]) / "student_dropout" / "data.csv"
    ingested = run_ingest(
        path,
        columns=student_columns,
        label={"name": "Target", "values": ("Dropout", "Enrolled", "Graduate")},
        bins={"Age_group": Bins(column="Age_at_enrollment", edges=(20, 23, 28))},
    )
    summary = ingested.summary
    assert (summary.rows_read, summary.rows_kept, summary.warnings) == (4424, 4424, ())
    assert summary.label_counts == {"Dropout": 1421, "Enrolled": 794, "Graduate": 2209}
    assert summary.original_names["Daytime_evening_attendance"] == "Daytime/evening attendance\t"
    assert summary.rows_by_split["eval"] == pytest.approx(0.2 * 4424, rel=0.1)
    record = next(
        r
        for r in ingested.all_records
        if r["Course"] == 171 and r["Target"] == "Dropout" and r["Application_order"] == 5
    )
    assert record["Admission_grade"] == pytest.approx(127.3)


def test_classes_may_be_integers(tmp_path, run_ingest):
    (tmp_path / "data.csv").write_text("x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(60)) + "3,2\n4,1.0\n")
    columns = {"x": Column(type=ColumnType.INT64), "y": Column(type=ColumnType.INT64)}
    ingested = run_ingest(tmp_path / "data.csv", columns=columns, label={"name": "y", "values": ("0", "1")})
    assert ingested.summary.label_counts == {"0": 30, "1": 31}
    assert {record["y"] for record in ingested.all_records} == {0, 1}
    assert [line["reason"] for line in ingested.quarantine] == ["unknown label '2', expected one of '0', '1'"]
