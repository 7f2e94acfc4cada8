import pytest

from yachay.components.example_gen.settings import Column, ColumnType


def places(ingested):
    return [(int(row["line"]), row["column"], row["reason"]) for row in ingested.quarantine]


def test_each_rejected_record_is_kept_with_its_line_and_reason(write_csv, run_ingest):
    lines = [
        "1,0.5,Lima,no",
        "x,0.5,Lima,no",
        "1,0.5,Lima",
        "1,y,Lima,no",
        "1,0.5,Lima,no,",
        "1,0.5,Lima,maybe",
        "1,0.5,Lima,",
    ]
    ingested = run_ingest(write_csv(*lines))
    assert places(ingested) == [
        (3, "age", "'x' is no whole number"),
        (4, "", "3 fields, the header has 4"),
        (5, "grade", "'y' is no finite number"),
        (6, "", "5 fields, the header has 4"),
        (7, "target", "unknown label 'maybe', expected one of 'no', 'yes'"),
        (8, "target", "no value"),
    ]
    assert [row["record"] for row in ingested.quarantine] == lines[1:]
    summary = ingested.summary
    assert (summary.rows_read, summary.rows_kept, summary.rows_quarantined) == (47, 41, 6)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
def test_lines_count_those_within_quotes_and_blank_ones(write_csv, run_ingest, end, name):
    path = write_csv('1,0.5,"a\nb\nc",no', "", "x,1,d,no", '"y",1,"e\nf",no', "1,2", end=end, name=name)
    ingested = run_ingest(path)
    assert [line for line, _, _ in places(ingested)] == [6, 7, 9]
    assert ingested.quarantine[1]["record"] == '"y",1,"e\nf",no'


def test_lines_are_right_far_into_a_large_file(write_csv, run_ingest):
    # Three times what is parsed at once.
    text = "x" * 3000
    path = write_csv(*[f"1,0.5,{text},yes"] * 4000)
    content = path.read_text().splitlines()
    content[2_000] = "1,2"
    content[3_900] = "x,0.5,Lima,no"
    path.write_text("\n".join(content))
    ingested = run_ingest(path)
    assert [line for line, _, _ in places(ingested)] == [2_001, 3_901]
    assert ingested.summary.rows_read == 4_040


def test_every_file_has_its_own_lines(tmp_path, write_csv, run_ingest):
    write_csv("x,0.5,Lima,no", name="data/a.csv")
    write_csv("1,0.5,Lima,no", "y,0.5,Lima,no", name="data/b.csv")
    ingested = run_ingest(tmp_path / "data")
    assert [(row["file"].rsplit("/")[-1], row["line"]) for row in ingested.quarantine] == [
        ("a.csv", "2"),
        ("b.csv", "3"),
    ]


def test_a_record_is_rejected_for_its_first_reason_only(write_csv, run_ingest):
    assert places(run_ingest(write_csv("x,y,Lima,maybe"))) == [(2, "age", "'x' is no whole number")]


def test_a_value_outside_those_of_the_column_is_rejected(write_csv, run_ingest):
    columns = {
        "age": Column(type=ColumnType.INT64),
        "city": Column(type=ColumnType.STRING, values=("Cuzco",)),
        "target": Column(type=ColumnType.STRING),
    }
    assert places(run_ingest(write_csv("1,0.5,Lima,no"), columns=columns)) == [
        (2, "city", "'Lima' is not one of 'Cuzco'")
    ]


def test_duplicates_are_kept_unless_rejected(write_csv, run_ingest):
    path = write_csv("1,0.5,Lima,no", "1.0,0.50,Lima,no", "1,0.5,Lima,yes")
    assert run_ingest(path).summary.rows_kept == 43
    ingested = run_ingest(path, drop_duplicates=True)
    assert places(ingested) == [(3, "", "equal to an earlier record")]
    assert (ingested.summary.rows_duplicate, ingested.summary.rows_quarantined) == (1, 1)


def test_numbers_that_a_float32_cannot_tell_apart_are_no_duplicates(write_csv, run_ingest):
    path = write_csv(*[f"1,{16777216 + i},Lima,{'yes' if i % 2 else 'no'}" for i in range(100)], good=0)
    assert run_ingest(path, drop_duplicates=True).summary.rows_duplicate == 0


def test_numbers_of_more_digits_than_a_float64_has_are_no_duplicates(write_csv, run_ingest):
    path = write_csv(*[f"1,{9007199254740992 + i},Lima,no" for i in range(100)])
    assert run_ingest(path, drop_duplicates=True).summary.rows_duplicate == 0


def test_the_two_zeros_are_one_number(write_csv, run_ingest):
    path = write_csv("1,0.0,Lima,no", "1,-0.0,Lima,no", "1,-0,Lima,no")
    assert run_ingest(path, drop_duplicates=True).summary.rows_duplicate == 2


def test_records_that_differ_in_a_column_that_is_not_read_are_no_duplicates(write_csv, run_ingest):
    columns = {"age": Column(type=ColumnType.INT64), "target": Column(type=ColumnType.STRING)}
    ingested = run_ingest(write_csv("1,0.5,Lima,no", "1,0.5,Cuzco,no"), columns=columns, drop_duplicates=True)
    assert ingested.summary.rows_duplicate == 0


def test_a_split_by_time_reports_each_rejected_record_once(write_csv, run_ingest):
    from yachay.components.prediction_task import SplitSettings

    ingested = run_ingest(write_csv("x,0.5,Lima,no", "1,2"), split=SplitSettings(method="time", key="age"))
    assert [line for line, _, _ in places(ingested)] == [2, 3]
    assert (ingested.summary.rows_read, ingested.summary.rows_kept) == (42, 40)
