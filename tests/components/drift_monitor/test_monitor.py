"""The monitor on small logs: what it finds, and what bad input does to it."""

import datetime
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from small_logs import NOW, START, VERSION, Known, draw, log_table, small_reference, write_log

from yachay.components.drift_monitor.monitor import monitor
from yachay.components.drift_monitor.reference import Reference
from yachay.components.drift_monitor.result import MonitorResult
from yachay.components.drift_monitor.settings import MonitorSettings
from yachay.errors import DataError
from yachay.serving.prediction_records import Redaction, digest

ROWS = MonitorSettings(window="1000")
REFERENCE = small_reference()
KNOWN = Known({VERSION: REFERENCE})


def judge(log: str, settings: MonitorSettings = ROWS, known: Known = KNOWN, **options: str | bytes) -> MonitorResult:
    return monitor(log, known, settings, now=NOW, **options)


def found(result: MonitorResult, name: str) -> str:
    return next(one.decision for one in result.features if one.name == name)


def test_a_log_like_the_training_is_quiet(tmp_path: Path) -> None:
    result = judge(write_log(tmp_path / "log", log_table(draw(3000, seed=1))))

    assert result.verdict == "quiet"
    assert [window.rows for window in result.windows] == [1000, 1000, 1000]
    assert result.reasons == ()


def test_a_shift_is_found_in_its_feature_and_window_alone(tmp_path: Path) -> None:
    later = START + datetime.timedelta(days=1)
    tables = log_table(draw(1000, seed=1)), log_table(draw(1000, seed=2, shift=1.0), later)
    result = judge(write_log(tmp_path / "log", *tables))

    assert result.verdict == "drift"
    assert [window.verdict for window in result.windows] == ["quiet", "drift"]
    assert {reason.name for reason in result.reasons} == {"grade", "class", "confidence"} or {
        reason.name for reason in result.reasons
    } == {"grade", "class"}
    assert found(result, "age") == "quiet"
    assert "covariate_shift" in result.warnings


def test_new_categories_and_values_out_of_range_are_counted(tmp_path: Path) -> None:
    rows = draw(1000, seed=1, new=0.1)
    rows["grade"][:50] = 99
    result = judge(write_log(tmp_path / "log", log_table(rows)))

    course = next(one for one in result.features if one.name == "Course")
    grade = next(one for one in result.features if one.name == "grade")
    assert course.decision == "drift"
    assert course.unseen == pytest.approx((rows["Course"] == "dance").mean())
    assert grade.out_of_range == pytest.approx(0.05)
    assert "new_values" in result.warnings


def test_very_many_rows_do_not_alarm_on_trifles(tmp_path: Path) -> None:
    known = Known({VERSION: small_reference(num_rows=200_000)})
    result = judge(
        write_log(tmp_path / "log", log_table(draw(100_000, seed=1, shift=0.05), seconds=1.0)),
        MonitorSettings(window="7d"),
        known,
    )

    assert found(result, "grade") == "slight"
    assert result.verdict == "quiet"


def test_estimates_agree_with_labels_that_come_later(tmp_path: Path) -> None:
    rows = draw(4000, seed=3)
    labels = tmp_path / "labels.csv"
    lines = [f"r{row},{('no', 'perhaps', 'yes')[label]}" for row, label in enumerate(rows["label"])]
    labels.write_text(
        "prediction_id,Target\n" + "\n".join([*lines, "r0,yes", "r0,no", "nobody,yes", "r1,maybe"]) + "\n"
    )
    result = judge(write_log(tmp_path / "log", log_table(rows)), MonitorSettings(window="4000"), labels=str(labels))

    assert result.labels is not None
    assert (result.labels.matched, result.labels.unknown) == (4000, 1)
    assert (result.labels.corrected, result.labels.invalid) == (2, 1)
    for name, estimated in result.estimated.items():
        low, high = result.measured[name].interval or (0, 0)
        assert low <= estimated.value <= high


def test_labels_for_unknown_requests_alone_are_counted_and_measure_nothing(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("prediction_id,Target\nnobody,yes\nneither,no\n")
    log = write_log(tmp_path / "log", log_table(draw(400, seed=3)))
    result, without = judge(log, labels=str(labels)), judge(log)

    assert result.labels is not None
    assert (result.labels.given, result.labels.matched, result.labels.unknown) == (2, 0, 2)
    assert result.measured == {}
    assert (result.verdict, result.estimated) == (without.verdict, without.estimated)


def test_labels_by_a_column_of_the_record_and_of_requests_of_several_rows(tmp_path: Path) -> None:
    rows = draw(200, seed=3)
    table = log_table(rows)
    table = table.set_column(0, "prediction_id", pa.array(["same"] * 2 + [f"r{row}" for row in range(2, 200)]))
    table = table.set_column(1, "prediction_row", pa.array([0, 1] + [0] * 198))
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps({"prediction_id": one, "label": "no"}) + "\n" for one in ("same", "r5")))
    result = judge(write_log(tmp_path / "log", table), labels=str(labels))

    assert result.labels is not None
    assert (result.labels.matched, result.labels.ambiguous) == (1, 2)

    labels.write_text(
        "".join(json.dumps({"prediction_id": "same", "prediction_row": row, "label": "no"}) + "\n" for row in range(2))
    )
    again = judge(str(tmp_path / "log"), labels=str(labels))
    assert again.labels is not None
    assert (again.labels.matched, again.labels.ambiguous) == (2, 0)


def test_a_fall_in_quality_alone_is_drift(tmp_path: Path) -> None:
    rows = draw(2000, seed=3)
    labels = tmp_path / "labels.csv"
    labels.write_text("prediction_id,Target\n" + "".join(f"r{row},perhaps\n" for row in range(2000)))
    result = judge(write_log(tmp_path / "log", log_table(rows)), MonitorSettings(window="2000"), labels=str(labels))

    assert result.verdict == "drift"
    assert {reason.kind for reason in result.reasons} == {"measured"}


def test_torn_lines_and_files_are_left_out_and_named(tmp_path: Path) -> None:
    log = Path(write_log(tmp_path / "log", log_table(draw(500, seed=1))))
    lines = [
        json.dumps({**row, "prediction_time": row["prediction_time"].isoformat()}).encode()
        for row in log_table(draw(300, seed=2), prefix="j").to_pylist()
    ]
    lines[7] = lines[7][:30]
    (log / "predictions-9.jsonl").write_bytes(b"\n".join(lines) + b'\n{"half": ')
    (log / "predictions-8.parquet").write_bytes(b"PAR1 torn")
    result = judge(str(log))

    assert result.rows == 500 + 299
    assert any("2 lines are no JSON objects" in problem for problem in result.problems)
    assert any("predictions-8.parquet cannot be read" in problem for problem in result.problems)


def test_json_lines_and_parquet_give_the_same(tmp_path: Path) -> None:
    table = log_table(draw(1000, seed=4))
    parquet = judge(write_log(tmp_path / "log", table))
    (tmp_path / "lines").mkdir()
    with (tmp_path / "lines" / "predictions-1.jsonl").open("w") as stream:
        for row in table.to_pylist():
            row["grade"] = float(str(np.float32(row["grade"])))
            stream.write(json.dumps(row | {"prediction_time": row["prediction_time"].isoformat()}) + "\n")
    lines = judge(str(tmp_path / "lines"))

    assert lines.features == parquet.features


def test_a_file_with_columns_of_other_types_is_left_out_and_named(tmp_path: Path) -> None:
    table = log_table(draw(500, seed=1))
    place = table.column_names.index("grade")
    nested = table.set_column(place, "grade", pa.array([{"a": 1}] * 500))
    scores = pa.array([[0.5]] + [[0.2, 0.3, 0.5]] * 499)
    ragged = table.set_column(table.column_names.index("prediction_scores"), "prediction_scores", scores)
    times = table.set_column(table.column_names.index("prediction_time"), "prediction_time", pa.array([1.5] * 500))
    result = judge(write_log(tmp_path / "log", table, nested, ragged, times))

    assert result.rows == 500
    assert [problem.partition(" cannot be read")[0][-9:] for problem in result.problems] == [
        "1.parquet", "2.parquet", "3.parquet",
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["²", "9" * 5000, "../../etc"])
def test_a_version_that_is_no_number_costs_no_others(tmp_path: Path, version: str) -> None:
    table = log_table(draw(400, seed=1))
    log = write_log(tmp_path / "log", table.set_column(3, "prediction_version", [[VERSION] * 300 + [version] * 100]))

    assert judge(log).rows == 300


def test_features_that_the_newest_push_lacks_are_compared_for_the_version_that_has_them(tmp_path: Path) -> None:
    newest = REFERENCE.model_copy(update={"features": REFERENCE.features[1:]})
    known = Known({VERSION: REFERENCE, str(int(VERSION) + 1): newest})
    result = judge(write_log(tmp_path / "log", log_table(draw(1000, seed=1, shift=2.0))), known=known)

    assert found(result, "grade") == "drift"


def test_windows_of_rows_end_between_requests_of_several(tmp_path: Path) -> None:
    table = log_table(draw(1000, seed=1))
    times = [START + datetime.timedelta(minutes=row // 7) for row in range(1000)]
    place = table.column_names.index("prediction_time")
    table = table.set_column(place, "prediction_time", pa.array(times, pa.timestamp("us", "UTC")))
    result = judge(write_log(tmp_path / "log", table), MonitorSettings(window="200", is_open_judged=False))

    assert [window.rows for window in result.windows] == [196, 203, 196, 203, 202]
    assert {window.verdict for window in result.windows} == {"quiet"}


def test_keys_and_labels_of_csv_are_taken_as_they_are_written(tmp_path: Path) -> None:
    table = log_table(draw(100, seed=1)).set_column(0, "prediction_id", [[f"{row:05d}" for row in range(100)]])
    labels = tmp_path / "labels.csv"
    labels.write_text("prediction_id,Target\n" + "".join(f"{row:05d},no\n" for row in range(100)) + ",yes\n")
    result = judge(write_log(tmp_path / "log", table), labels=str(labels))

    assert result.labels is not None
    assert (result.labels.matched, result.labels.unknown, result.labels.invalid) == (100, 0, 1)


def test_rows_of_a_version_that_is_gone_are_counted(tmp_path: Path) -> None:
    table = log_table(draw(400, seed=1))
    versions = pa.array([VERSION] * 300 + ["1795000000"] * 100)
    result = judge(
        write_log(tmp_path / "log", table.set_column(3, "prediction_version", versions)),
    )

    assert result.rows == 300
    assert result.problems == ("100 rows of the version 1795000000 are not judged: its push is gone.",)


def test_a_log_of_unknown_versions_alone_is_an_error(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", log_table(draw(200, seed=1)))

    with pytest.raises(DataError, match="its push is gone"):
        judge(log, known=Known({"1": REFERENCE}))


def test_the_version_that_predicted_last_decides(tmp_path: Path) -> None:
    newer = str(int(VERSION) + 1)
    later = START + datetime.timedelta(days=1)
    old = log_table(draw(1000, seed=1, shift=2.0))
    new = log_table(draw(1000, seed=2), later)
    new = new.set_column(3, "prediction_version", pa.repeat(newer, 1000))
    result = judge(write_log(tmp_path / "log", old, new), known=Known({VERSION: REFERENCE, newer: REFERENCE}))

    assert result.model == newer
    assert result.verdict == "quiet"
    assert [window.verdict for window in result.windows] == ["drift", "quiet"]


def test_a_clock_that_jumps_is_named(tmp_path: Path) -> None:
    ahead = log_table(draw(50, seed=1), NOW + datetime.timedelta(days=400))
    before = log_table(draw(30, seed=2), datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC))
    result = judge(write_log(tmp_path / "log", log_table(draw(500, seed=3)), ahead, before))

    assert result.rows == 500
    assert any(problem.startswith("50 rows have a time that is still to come") for problem in result.problems)
    assert any(problem.startswith("30 rows have a time before their model was pushed") for problem in result.problems)


def test_hashed_features_are_compared_with_the_key_alone(tmp_path: Path) -> None:
    key = b"k" * 16
    table = log_table(draw(1000, seed=5))
    hashed = pa.array([digest(name, key) for name in table["Course"].to_pylist()])
    assert digest("art", key) == Redaction(hashed=frozenset({"Course"}), key=key).digest("art")
    log = write_log(tmp_path / "log", table.set_column(table.schema.get_field_index("Course"), "Course", hashed))

    without, with_key = judge(log), judge(log, hash_key=key)
    assert next(one.reason for one in without.features if one.name == "Course") == "hashed"
    assert found(with_key, "Course") == "quiet"


def test_windows_of_fewer_rows_are_not_judged(tmp_path: Path) -> None:
    result = judge(write_log(tmp_path / "log", log_table(draw(60, seed=1, shift=9))))

    assert result.verdict == "too_few"


def test_a_window_that_is_still_filling_is_left_out_where_asked(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", log_table(draw(1500, seed=1, shift=9)))
    settings = MonitorSettings(window="2000", is_open_judged=False)

    assert judge(log, settings).verdict == "too_few"
    assert judge(log, MonitorSettings(window="2000")).verdict == "drift"


def test_groups_are_judged_apart(tmp_path: Path) -> None:
    known = Known({VERSION: small_reference(slices=True)})
    rows = draw(3000, seed=6)
    is_art = rows["Course"] == "art"
    rows["scores"][is_art] = [0.9, 0.05, 0.05]
    result = judge(write_log(tmp_path / "log", log_table(rows)), MonitorSettings(window="3000"), known)

    decisions = {group.group: group.predictions.decision for group in result.groups}
    assert decisions == {"art": "drift", "biology": "quiet", "chemistry": "quiet"}
    assert sum(group.rows for group in result.groups) == 3000


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Expected files of"):
        judge(str(tmp_path))
    with pytest.raises(DataError, match="Expected to read"):
        judge(str(tmp_path / "none"))


def test_a_reference_survives_its_file() -> None:
    assert Reference.from_json(REFERENCE.to_json(), "push") == REFERENCE
