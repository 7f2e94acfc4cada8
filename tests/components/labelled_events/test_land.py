"""Labelled events become spans that the ingest reads as they are."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from yachay.components.drift_monitor.log import ID, ROW, TIME
from yachay.components.example_gen.ingest import ingest
from yachay.components.example_gen.inputs import resolve_input
from yachay.components.example_gen.settings import Column, ColumnType, IngestSpec
from yachay.components.labelled_events.land import EventForm, Landed, land
from yachay.components.prediction_task import Label
from yachay.errors import DataError, UsageError

COLUMNS = {
    "GDP": Column(type=ColumnType.FLOAT32),
    "Tuition_fees_up_to_date": Column(type=ColumnType.INT64),
    "town": Column(type=ColumnType.STRING, required=False),
    "Target": Column(type=ColumnType.STRING),
}
FORM = EventForm(features="student_features")
LABELS = ("Dropout", "Graduate")
DAY = 20_000  # 2024-10-04


def event(
    number: int, time: object = "2024-10-04T10:00:00Z", label: str = "Dropout", **features: object
) -> dict[str, Any]:
    given = {"GDP": 1.74, "Tuition fees up to date": 1, **features}
    return {"id": f"e{number}", "time": time, "student_features": given, "Target": label}


@pytest.fixture
def landed(tmp_path: Path) -> Callable[..., Landed]:
    def run(*events: Any, form: EventForm = FORM, name: str = "events.jsonl") -> Landed:
        text = "".join(each if isinstance(each, str) else json.dumps(each) + "\n" for each in events)
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return land(str(path), str(tmp_path / "lake"), COLUMNS, "Target", LABELS, form)

    return run


def span(tmp_path: Path, day: int = DAY) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(tmp_path / f"lake/spans/{day}/labelled.parquet").to_pylist()
    return rows


def test_events_land_in_the_span_of_the_day_on_which_they_happened(
    tmp_path: Path, landed: Callable[..., Landed]
) -> None:
    found = landed(
        event(1),
        event(2, "2024-10-05T00:30:00+02:00", town="Lima"),  # It is still the 4th in UTC.
        event(3, (DAY + 1) * 86400),
        name="a day.jsonl.gz",
    )
    late = landed(event(4, "2024-10-04T23:59:59.999Z", "Graduate"))

    assert (found.landed, late.landed, found.spans, late.spans) == (
        3,
        1,
        {"2024-10-04": 2, "2024-10-05": 1},
        {"2024-10-04": 3},
    )
    rows = span(tmp_path)
    assert [(row[ID], row["Target"], row["town"], row[ROW]) for row in rows] == [
        ("e1", "Dropout", None, 0),
        ("e2", "Dropout", "Lima", 0),
        ("e4", "Graduate", None, 0),
    ]
    assert rows[1][TIME].isoformat() == "2024-10-04T22:30:00+00:00"


def test_an_event_that_comes_again_replaces_itself(tmp_path: Path, landed: Callable[..., Landed]) -> None:
    landed(event(1), event(2), event(1))
    again = landed(event(1, label="Graduate"), event(2))

    assert (again.landed, again.replaced, again.spans) == (0, 2, {"2024-10-04": 2})
    assert [(row[ID], row["Target"]) for row in span(tmp_path)] == [("e1", "Graduate"), ("e2", "Dropout")]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (event(1, GPD=1.0), "Received: 'GPD'"),
        ({**event(1), "student_features": {"GDP": 1.0}}, "Expected 'Tuition_fees_up_to_date'"),
        (event(1, GDP="1.74"), "Expected 'GDP' to be a finite number. Received: '1.74' (a string)"),
        (event(1, label="Enrolled"), "Expected 'Target' to be one of Dropout, Graduate. Received: 'Enrolled'"),
        (event(1, "2024-10-04T10:00:00"), "Expected 'time' to be ISO 8601 with its offset from UTC"),
        ({**event(1), "id": None}, "Expected 'id' to be the event's id"),
        ("{not json\n", "of JSON, its numbers finite"),
        ("[1]\n", "Expected an object of JSON. Received: a list"),
        (100_000 * "[" + "\n", "of JSON, its numbers finite"),
        ({**event(1), "id": "\ud800"}, "of JSON, its numbers finite"),
        (json.dumps(event(1))[:-1] + ', "id": "e2"}\n', "Expected each key once. Received: 'id'"),
        (event(1, float("inf")), "of JSON, its numbers finite"),
        (event(1, 10**300), "at most a day ahead of this machine's clock"),
        (event(1, 1_728_036_000_000), "1728036000000. Numbers are seconds."),
        (event(1, "2126-01-01T00:00:00Z"), "at most a day ahead"),
        (event(1, -1), "not before 1970"),
        (event(1, "0001-01-01T00:00:00+10:00"), "not before 1970"),
        (event(1, True), "seconds since 1970. Received: True"),
    ],
)
def test_an_event_that_does_not_fit_is_rejected_with_the_name_of_the_field(
    tmp_path: Path, landed: Callable[..., Landed], changed: object, reason: str
) -> None:
    found = landed(event(0), changed)

    assert (found.landed, found.rejected) == (1, 1)
    assert reason in found.shown[0].replace(" (row 0)", "")
    assert "events.jsonl,2," in Path(found.quarantine).read_text()
    assert [row[ID] for row in span(tmp_path)] == ["e0"]


def test_a_byte_order_mark_is_no_part_of_the_first_event(tmp_path: Path, landed: Callable[..., Landed]) -> None:
    assert landed("\ufeff" + json.dumps(event(1)) + "\r\n").landed == 1


def test_a_span_that_holds_something_else_is_named(tmp_path: Path, landed: Callable[..., Landed]) -> None:
    landed(event(1))
    file = tmp_path / f"lake/spans/{DAY}/labelled.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(0, "GDP", [["x"]]), file)

    with pytest.raises(DataError, match=rf"Expected \S+/spans/{DAY}/labelled.parquet to be a span of these columns"):
        landed(event(2))

    file.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="to be a span of these columns"):
        landed(event(2))


def test_the_ingest_reads_the_newest_span_and_all_of_them(tmp_path: Path, landed: Callable[..., Landed]) -> None:
    times = [(DAY + number % 2) * 86400 for number in range(400)]
    landed(*(event(number, times[number], LABELS[number % 3 == 0], GDP=number) for number in range(400)), "x\n")
    spec = IngestSpec(columns=COLUMNS, label=Label(name="Target", values=LABELS))

    newest = resolve_input(str(tmp_path / "lake/spans/{SPAN}/*.parquet"))
    everything = resolve_input(str(tmp_path / "lake/spans"))

    assert newest.span == DAY + 1
    for number, (source, rows) in enumerate([(newest, 200), (everything, 400)]):
        summary = ingest(source, spec, tmp_path / f"out{number}", tmp_path / f"quarantine{number}")
        assert (summary.rows_kept, summary.rows_quarantined) == (rows, 0)


def test_nothing_lands_where_no_event_fits(tmp_path: Path, landed: Callable[..., Landed]) -> None:
    with pytest.raises(DataError, match="Expected events that fit"):
        landed("x\n")
    with pytest.raises(DataError, match="Expected events in"):
        landed("\n")
    with pytest.raises(UsageError, match="no such file"):
        land(str(tmp_path / "absent.jsonl"), str(tmp_path), COLUMNS, "Target")
    assert not (tmp_path / "lake/spans").exists()


def test_more_events_than_memory_holds_come_to_the_same(
    tmp_path: Path, landed: Callable[..., Landed], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event(number % 7, DAY * 86400 + number % 7 * 20_000, GDP=number) for number in range(20)]
    monkeypatch.setattr("yachay.components.labelled_events.land.CHUNK_EVENTS", 3)

    found = landed(*events[:10], "broken\n", *events[10:])

    assert (found.events, found.landed, found.replaced, found.rejected) == (21, 7, 13, 1)
    rows = [*span(tmp_path), *span(tmp_path, DAY + 1)]
    assert {row[ID]: row["GDP"] for row in rows} == {f"e{number % 7}": number for number in range(13, 20)}
    assert found.shown[0].startswith("line 11: ")
