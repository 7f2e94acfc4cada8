import pyarrow as pa
import pytest

from yachay.components.example_gen.repairs import repair_numbers, repair_words
from yachay.components.example_gen.settings import Column, ColumnType, Repair
from yachay.errors import ConfigurationError


def repaired(repair: Repair, *texts: str | None, decimal: str = ".") -> list[str | None]:
    return repair_numbers(pa.array(texts, pa.string()), repair, decimal).texts.to_pylist()


@pytest.mark.parametrize(
    ("repair", "text", "number"),
    [
        (Repair(decimal=","), " 1,5", "1.5"),
        (Repair(decimal=",", thousands="."), "-1.234.567,5", "-1234567.5"),
        (Repair(thousands=","), "1,234", "1234"),
        (Repair(thousands=" "), "1 234.5", "1234.5"),
        (Repair(remove=("S/", "USD")), "S/ 12.50", "12.50"),
        (Repair(remove=("S/", "USD")), "12.50 USD", "12.50"),
        (Repair(remove=("$",)), "-$3", "-3"),
        (Repair(remove=("%",)), "85 %", "85"),
        (Repair(remove=("kg",), decimal=","), "7,25kg", "7.25"),
        (Repair(time_format="%d/%m/%Y"), "01/02/1970", str(31 * 86400)),
        (Repair(time_format="%Y%m%d %H:%M %z"), "19700101 05:00 +0500", "0"),
        (Repair(time_format="%d/%m/%Y"), "31/12/1969", "-86400"),
    ],
)
def test_a_number_is_read_as_it_is_written(repair: Repair, text: str, number: str) -> None:
    assert repaired(repair, text) == [number]


@pytest.mark.parametrize(
    ("repair", "text"),
    [
        (Repair(decimal=","), "1.5"),
        (Repair(decimal=",", thousands="."), "1.23"),
        (Repair(thousands=","), "12,34"),
        (Repair(remove=("%",)), "85 %%"),
        (Repair(remove=("kg",)), "12 g"),
        (Repair(remove=("$",)), "$"),
        (Repair(time_format="%d/%m/%Y"), "31/02/2020"),
        (Repair(time_format="%d/%m/%Y"), "2020-02-28"),
    ],
)
def test_what_does_not_fit_is_no_value_and_no_change(repair: Repair, text: str) -> None:
    result = repair_numbers(pa.array([text, None], pa.string()), repair, ".")

    assert (result.texts.to_pylist(), result.is_unfit.tolist(), result.num_changed) == ([None, None], [True, False], 0)


def test_the_decimal_mark_of_the_data_holds_where_the_repair_has_none() -> None:
    assert repaired(Repair(remove=("€",)), "3,5 €", "3.5", decimal=",") == ["3.5", None]


def test_changes_are_counted_and_values_that_are_none_are_blanked() -> None:
    result = repair_numbers(pa.array(["S/D", "1", "2,5", None], pa.string()), Repair(missing_values=("S/D",)), ",")

    assert (result.texts.to_pylist(), result.num_changed) == ([None, "1", "2.5", None], 2)
    words = repair_words(pa.array(["S/D", "Cuzco"], pa.string()), Repair(missing_values=("S/D",)))
    assert (words.texts.to_pylist(), words.num_changed) == ([None, "Cuzco"], 1)


def test_an_ingest_repairs_its_columns_says_how_many_values_and_quarantines_the_rest(write_csv, run_ingest) -> None:
    repairs = {"grade": {"remove": ["%"], "missing_values": ["-9999"]}, "city": {"missing_values": ["S/D"]}}

    ingested = run_ingest(
        write_csv("131,50 %,S/D,no", "132,-9999,Lima,no", "133,50 percent,Lima,no", good=20), repairs=repairs
    )

    records = {record["age"]: record for record in ingested.all_records}
    assert records[131] == {"age": 131, "grade": 50.0, "city": None, "target": "no"}
    assert records[132] == {"age": 132, "grade": None, "city": "Lima", "target": "no"}
    [rejected] = ingested.quarantine
    assert rejected["reason"] == "'50 percent' is no finite number"
    assert "grade: 2 values repaired (`data.repairs`)" in ingested.summary.warnings
    assert "city: 1 value repaired (`data.repairs`)" in ingested.summary.warnings


def test_dates_of_a_text_column_become_the_time_of_a_split(write_csv, run_ingest) -> None:
    columns = {
        "age": Column(type=ColumnType.INT64),
        "day": Column(type=ColumnType.INT64),
        "target": Column(type=ColumnType.STRING),
    }
    lines = [f"{row},{row % 28 + 1:02}/{row // 28 + 1:02}/2020,{'no' if row % 2 else 'yes'}" for row in range(100)]

    ingested = run_ingest(
        write_csv(*lines, "7,31/02/2020,no", header="age,day,target", good=0),
        columns=columns,
        repairs={"day": {"time_format": "%d/%m/%Y"}},
        split={"method": "time", "key": "day"},
    )

    latest = {record["age"] for record in ingested.records["eval"]}
    assert latest == set(range(80, 100))
    assert ingested.quarantine[0]["reason"] == "'31/02/2020' is no time of the format '%d/%m/%Y'"


@pytest.mark.parametrize(
    ("repairs", "message"),
    [
        ({"absent": {}}, "repairs.absent"),
        ({"city": {"remove": ["%"]}}, "repairs.city"),
        ({"grade": {"time_format": "ISO"}}, "time_format"),
        ({"grade": {"time_format": "%Y", "remove": ["y"]}}, "time_format"),
        ({"grade": {"thousands": ",", "decimal": ","}}, "thousands"),
    ],
)
def test_a_repair_that_cannot_be_is_refused(make_spec, repairs, message: str) -> None:
    with pytest.raises((ConfigurationError, ValueError), match=message):
        make_spec(repairs=repairs)
