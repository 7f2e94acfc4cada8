"""Files of records to one file of predictions."""

import contextlib
import csv
import gzip
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from yachay.components.batch_predictor import predict as predictor
from yachay.components.batch_predictor import sources
from yachay.components.batch_predictor.places import Place
from yachay.components.batch_predictor.plan import Part, Plan, Receipt
from yachay.components.batch_predictor.predict import PredictionSummary, predict
from yachay.components.batch_predictor.score import Scorer
from yachay.components.batch_predictor.settings import PredictSettings
from yachay.components.example_gen.settings import ReadSettings
from yachay.errors import ConfigurationError, DataError, RunError, UsageError
from yachay.serving.contract import Feature

pytestmark = pytest.mark.integration

Score = Callable[..., PredictionSummary]
Write = Callable[..., Path]

ROWS = [[7, 1000.0, 3, "Cusco"], [8, -4000.0, "", "Lima"], [9, 0.0, 20, ""]]


def kept(income: float, visits: float, town: str) -> float:
    """What the model says."""
    return 1 / (1 + math.exp(-(income / 1000 + visits / 10 - (town == ""))))


EXPECTED = [kept(1000, 3, "Cusco"), kept(-4000, 3, "Lima"), kept(0, 20, "")]


def read_csv(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_each_record_has_its_prediction_and_scores_beside_its_key(score: Score, write_records: Write) -> None:
    summary = score(write_records(ROWS), key=("id",))

    rows = read_csv(summary.output)
    assert [list(row) for row in rows[:1]] == [["id", "prediction", "score_lost", "score_kept"]]
    assert [(row["id"], row["prediction"]) for row in rows] == [("7", "kept"), ("8", "lost"), ("9", "kept")]
    assert [float(row["score_kept"]) for row in rows] == pytest.approx(EXPECTED, abs=1e-6)
    assert (summary.rows, summary.rejected, summary.quarantine) == (3, 0, "")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz"])
def test_every_format_holds_the_same(score: Score, write_records: Write, suffix: str) -> None:
    output = score(write_records(ROWS), f"out{suffix}", key=("id",)).output

    if suffix == ".parquet":
        rows = pq.read_table(output).to_pylist()
    else:
        text = gzip.decompress(Path(output).read_bytes()) if suffix.endswith(".gz") else Path(output).read_bytes()
        lines = text.decode().splitlines()
        rows = list(csv.DictReader(lines)) if ".csv" in suffix else [json.loads(line) for line in lines]
    assert [row["id"] for row in rows] == ["7", "8", "9"]
    assert [float(row["score_kept"]) for row in rows] == pytest.approx(EXPECTED, abs=1e-6)


def test_without_a_key_the_lines_name_the_records_of_several_files(score: Score, write_records: Write) -> None:
    write_records([[1, 1.0, 1, 'two\nlines, "quoted"'], [2, 2.0, 2, "Lima"]], "in/a b.csv".replace("in/", ""))
    write_records(ROWS, "c.csv")
    folder = write_records(ROWS).parent
    summary = score(folder / "[ac]*.csv")

    rows = read_csv(summary.output)
    assert [(Path(row["file"]).name, row["line"]) for row in rows] == [
        ("a b.csv", "2"),
        ("a b.csv", "4"),
        *(("c.csv", str(line)) for line in (2, 3, 4)),
    ]


def test_the_inputs_come_along_on_request(score: Score, write_records: Write) -> None:
    [row] = pq.read_table(
        score(write_records(ROWS[1:2]), "out.parquet", key=("id", "town"), inputs=True).output
    ).to_pylist()

    assert list(row) == ["id", "town", "prediction", "score_lost", "score_kept", "income", "visits"]
    assert (row["income"], row["visits"], row["town"]) == (-4000.0, None, "Lima")


@pytest.mark.parametrize("name", ["records.csv", "records.csv.gz"])
def test_records_in_another_encoding_below_titles_are_scored_as_those_in_utf8(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sources, "PART_BYTES", 100)
    rows = [f"{row};{row * 100};{row % 5};{('Cañete', 'Áncash', '')[row % 3]}" for row in range(60)]
    rows[7] = "7;señal;1;Lurín"
    lines = ["Unidad N° 5;;;", "Año 2023;;;", "id;income;visits;town", "-;S/;n.°;-", *rows, ""]
    content = "\r\n".join(lines).encode("cp1252")
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (tmp_path / "utf8.csv").write_text("\n".join([lines[2], *rows, ""]), encoding="utf-8")

    expected = score(tmp_path / "utf8.csv", "expected.csv", key=("id",))
    read = ReadSettings(encoding="cp1252", ignored_lines=(1, 2, 4))
    summary = score(tmp_path / name, "out.csv", read, key=("id",))

    assert Path(summary.output).read_text() == Path(expected.output).read_text()
    assert summary.warnings == ("line 4 is ignored (`data.ignored_lines`): '-;S/;n.°;-'",)
    [rejected] = read_csv(summary.quarantine)
    assert (rejected["line"], rejected["record"]) == ("12", "7;señal;1;Lurín")


BROKEN = """id,income,visits,town
1,10.5,1,Lima
2,abc,1,Lima
3,1e39,1,Lima
4,1,1,Lima,more
5,,1,Lima
6,"1",2.0,Lima
7,1,2,"never closed
8,1,0x1F,Lima
9,nan,1,Lima

10,+.5e1, 7 ,Lima
"""


def test_records_that_do_not_fit_are_quarantined_with_line_and_reason(score: Score, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text(BROKEN)

    summary = score(tmp_path / "broken.csv", key=("id",))

    assert [row["id"] for row in read_csv(summary.output)] == ["1", "6", "10"]
    assert summary.quarantine == str(tmp_path / "out.quarantine.csv")
    rejected = [(row["line"], row["column"], row["reason"], row["record"]) for row in read_csv(summary.quarantine)]
    assert rejected == [
        ("3", "income", "'abc' is no finite number", "2,abc,1,Lima"),
        ("4", "income", "'1e39' is no finite number", "3,1e39,1,Lima"),
        ("5", "", "5 fields, the header has 4", "4,1,1,Lima,more"),
        ("6", "income", "Expected 'income' to be a finite number. Received: null.", "5,,1,Lima"),
        (
            "8",
            "",
            "a quote that is never closed, or that closes before text; double it if it is part of the text",
            '7,1,2,"never closed',
        ),
        ("9", "visits", "'0x1F' is no whole number", "8,1,0x1F,Lima"),
        ("10", "income", "'nan' is no finite number", "9,nan,1,Lima"),
    ]
    assert (summary.rows, summary.rejected) == (3, 7)


def test_parquet_keeps_the_type_of_the_key_and_its_gaps_are_missing_values(score: Score, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [5, 6], "income": [1000, 0], "visits": [3.0, float("nan")], "town": ["Cusco", None]})
    frame.to_parquet(tmp_path / "in.parquet")

    table = pq.read_table(score(tmp_path / "in.parquet", "out.parquet", key=("id",)).output)

    assert str(table.schema.field("id").type) == "int64"
    np.testing.assert_allclose(table["score_kept"].to_numpy(), [kept(1000, 3, "Cusco"), kept(0, 3, "")], rtol=1e-6)


def test_a_compressed_file_with_another_separator_and_a_byte_order_mark(score: Score, tmp_path: Path) -> None:
    text = "\ufeffid;income;visits;town\r\n1;1000,5;3;Cusco\r\n"
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(text.encode()))

    summary = score(tmp_path / "in.csv.gz", key=("id",), read=ReadSettings(decimal=","))

    assert float(read_csv(summary.output)[0]["score_kept"]) == pytest.approx(kept(1000.5, 3, "Cusco"), abs=1e-6)


def test_parts_come_to_the_same_as_a_whole(score: Score, write_records: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    data = write_records(
        [number, random.normal() * 1000, "abc" if number % 97 == 0 else number, f'Li"ma,\n{number % 3}']
        for number in range(1000)
    )
    whole = score(data, "whole.csv")
    monkeypatch.setattr(sources, "PART_BYTES", 3000)
    monkeypatch.setattr("yachay.components.example_gen.csv_segments.read_segments.__defaults__", (1000,))
    parts = score(data, "parts.csv")

    for name in ("output", "quarantine"):
        assert Path(getattr(whole, name)).read_bytes() == Path(getattr(parts, name)).read_bytes()


def test_an_output_that_is_there_stays_unless_it_is_to_be_replaced(score: Score, write_records: Write) -> None:
    data = write_records(ROWS)
    score(data)

    with pytest.raises(UsageError, match="an output that is not there yet"):
        score(data)
    assert score(data, overwrite=True).rows == 3


@pytest.mark.parametrize(("name", "output"), [("a.csv", "link.csv"), ("a.quarantine.csv", "a.csv")])
def test_an_input_is_never_replaced(score: Score, write_records: Write, name: str, output: str) -> None:
    data = write_records(ROWS, name)
    (data.parent / "link.csv").symlink_to(data)

    with pytest.raises(UsageError, match=f"Expected an output that is no input. Received: .*{output[:1]}"):
        score(data, output, overwrite=True)


@pytest.mark.parametrize("name", ["out.csv", "out.quarantine.csv"])
def test_a_folder_is_never_replaced(score: Score, write_records: Write, tmp_path: Path, name: str) -> None:
    kept = tmp_path / name / "kept"
    kept.parent.mkdir()
    kept.touch()

    with pytest.raises(UsageError, match=f"Expected .*{name} to be a file, or absent. Received: a folder"):
        score(write_records(ROWS), overwrite=True)
    assert kept.exists()


def test_an_output_that_another_run_writes_meanwhile_stays(
    score: Score, write_records: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = predictor.PartsReader.check

    def finish(reader: sources.PartsReader) -> tuple[bool, list[str]]:
        (tmp_path / "out.csv").write_text("of another run")
        return check(reader)

    monkeypatch.setattr(predictor.PartsReader, "check", finish)

    with pytest.raises(UsageError, match="an output that is not there yet"):
        score(write_records(ROWS))
    assert (tmp_path / "out.csv").read_text() == "of another run"


def test_the_parts_are_removed_before_another_run_may_begin(
    score: Score, write_records: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_held = False
    locked, remove = predictor._locked, Place.remove

    @contextlib.contextmanager
    def held(folder: Place) -> Iterator[None]:
        nonlocal is_held
        with locked(folder):
            is_held = True
            yield
        is_held = False

    def checked(place: Place) -> None:
        assert is_held
        remove(place)

    monkeypatch.setattr(predictor, "_locked", held)
    monkeypatch.setattr(Place, "remove", checked)
    summary = score(write_records(ROWS))

    assert not list(Path(summary.output).parent.glob(".staging*"))


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_an_input_that_changes_while_it_is_scored_is_an_error(
    model: Path, write_records: Write, tmp_path: Path, change: str
) -> None:
    data = write_records(ROWS)

    def run(plan: Plan, parts: Iterable[Part]) -> Iterator[tuple[Part, Receipt]]:
        scorer = Scorer(plan)
        yield from ((part, scorer.score(part)) for part in parts)
        if change == "replaced":
            write_records(ROWS, "new.csv").replace(data)
        else:
            (tmp_path / "other.csv").touch()
            data.unlink()

    settings = PredictSettings(data=f"{tmp_path}/*.csv", output=str(tmp_path / "out.parquet"))
    with pytest.raises(DataError, match=r"stay as they are while they are scored. Received: .*records\.csv"):
        predict(model, settings, runner=run)
    assert not Path(settings.output).exists()


def test_a_key_with_the_name_of_a_score_is_rejected(score: Score, write_records: Write) -> None:
    data = write_records([["a", 1000.0, 3, "Lima"]], header=["score_kept", "income", "visits", "town"])

    with pytest.raises(UsageError, match=r"names of their own. Received: score_kept from the records"):
        score(data, key=("score_kept",))


def test_an_unknown_format_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"ends in one of \.parquet"):
        PredictSettings(output="out.xlsx")


def test_columns_that_are_absent_are_named_with_the_nearest(score: Score, write_records: Write) -> None:
    data = write_records([[1, 2.0, 3, "Lima"]], header=["id", "Incom", "visits", "town"])

    with pytest.raises(DataError, match=r"'income' is missing\. Did you mean 'Incom'\?"):
        score(data)
    with pytest.raises(DataError, match="'student' is missing"):
        score(write_records(ROWS), key=("student",))


def test_an_optional_column_that_is_absent_counts_as_missing_and_is_named(score: Score, write_records: Write) -> None:
    summary = score(write_records([[1, 1000.0, 3]], header=HEADER_WITHOUT_TOWN), key=("id",))

    assert summary.warnings == ("no column 'town': it counts as missing",)
    assert float(read_csv(summary.output)[0]["score_kept"]) == pytest.approx(kept(1000, 3, ""), abs=1e-6)


HEADER_WITHOUT_TOWN = ["id", "income", "visits"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty file"),
        ("id,income,visits,town\n", "a header only"),
        ("id,income,visits,town\n1,abc,2,Lima\n", "Expected records that fit. Received: 1 of 1 rejected"),
    ],
)
def test_nothing_is_written_where_nothing_can_be_predicted(
    score: Score, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "in.csv").write_text(text)

    with pytest.raises(DataError, match=message):
        score(tmp_path / "in.csv")
    assert not (tmp_path / "out.csv").exists()


def test_too_many_rejected_records_leave_the_quarantine_alone(score: Score, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text(BROKEN)

    with pytest.raises(DataError, match=r"at most 50.00% of the records to be rejected. Received: 7 of 10"):
        score(tmp_path / "broken.csv", max_rejected_share=0.5)
    assert len(read_csv(str(tmp_path / "out.quarantine.csv"))) == 7
    assert not (tmp_path / "out.csv").exists()


def test_text_that_is_not_utf8_is_named_with_its_line(score: Score, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("id,income,visits,town\n1,2,3,Lima\n2,3,4,Ñuñoa\n".encode("latin-1"))

    with pytest.raises(DataError, match="the byte 0xd1 on line 3"):
        score(tmp_path / "in.csv")


def test_processes_on_this_machine_come_to_the_same_and_go_on_from_the_parts_of_a_run_that_failed(
    model: Path, tmp_path: Path, score: Score, write_records: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PART_BYTES", 3000)
    monkeypatch.setattr("yachay.components.example_gen.csv_segments.read_segments.__defaults__", (1000,))
    data = write_records([number, number, number, "Lima"] for number in range(2000))
    settings = PredictSettings(data=str(data), output=str(tmp_path / "processes.jsonl"), key=("id",))
    seen = []

    def stop(progress: object) -> None:
        seen.append(progress)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(model, settings, progress=stop, num_workers=2)
    assert not Path(settings.output).exists()
    summary = predict(model, settings, num_workers=2)

    assert 4 <= summary.resumed_rows // 100 < 20
    assert summary.rows == 2000
    assert Path(settings.output).read_text() == Path(score(data, "here.jsonl", key=("id",)).output).read_text()
    assert not list(tmp_path.glob(".staging*"))


def test_a_process_that_is_killed_ends_the_run_and_the_same_run_goes_on(
    model: Path, tmp_path: Path, score: Score, write_records: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PART_BYTES", 3000)
    monkeypatch.setattr("yachay.components.example_gen.csv_segments.read_segments.__defaults__", (1000,))
    data = write_records([number, number, number, "Lima"] for number in range(2000))
    settings = PredictSettings(data=str(data), output=str(tmp_path / "processes.csv"), key=("id",))

    def kill(progress: object) -> None:
        # The worker is a child of the process that forks them.
        for child in psutil.Process().children(recursive=True):
            if child.ppid() != os.getpid():
                child.kill()

    with pytest.raises(RunError, match=r"one was killed.*The same command goes on"):
        predict(model, settings, progress=kill, num_workers=1)
    assert not Path(settings.output).exists()
    summary = predict(model, settings, num_workers=1)

    assert summary.resumed_rows > 0
    assert Path(settings.output).read_text() == Path(score(data, "here.csv", key=("id",)).output).read_text()


def test_a_key_that_has_other_types_in_other_files_is_text(score: Score, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    row = {"income": [1.0], "visits": [1], "town": ["Lima"]}
    for name, value in {"a": 7, "b": "x", "c": 7.5}.items():
        pd.DataFrame({"id": [value], **row}).to_parquet(folder / f"{name}.parquet")

    table = pq.read_table(score(folder, "out.parquet", key=("id",)).output)

    assert table["id"].to_pylist() == ["7", "x", "7.5"]


@pytest.mark.parametrize("output", ["out.csv", "out.parquet"])
def test_a_key_of_lists_is_rejected(score: Score, tmp_path: Path, output: str) -> None:
    pd.DataFrame({"id": [[1]], "income": [1.0], "visits": [1], "town": ["Lima"]}).to_parquet(tmp_path / "in.parquet")

    with pytest.raises(DataError, match=r"Expected the key 'id' of .* to be a value. Received: list<"):
        score(tmp_path / "in.parquet", output, key=("id",))


def test_sequences_do_not_fit_into_csv(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Feature("load", "float32", "", True, None, None, "load", steps=4, min_steps=2)
    monkeypatch.setattr("yachay.components.batch_predictor.predict.read_features", lambda *_: [load])

    with pytest.raises(UsageError, match=r"Received: the sequences load. Write .parquet or .jsonl"):
        score(tmp_path / "in.parquet", "out.csv.gz", inputs=True)


def test_settings_name_what_does_not_fit() -> None:
    from yachay.components.settings import check_settings

    with pytest.raises(ConfigurationError, match="expected each column once"):
        check_settings(PredictSettings, {"key": ["a", "a"]}, "predict")
