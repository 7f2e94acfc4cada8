import argparse
import json
import logging
import os
import stat
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow.parquet
import pytest
from prometheus_client import REGISTRY

from yachay.errors import ConfigurationError
from yachay.files import STAGING_PREFIX
from yachay.schemas.prediction_log import record_schema
from yachay.serving import prediction_log as module
from yachay.serving.contract import Feature, Prediction
from yachay.serving.prediction_files import RecordFolder, Retention
from yachay.serving.prediction_log import PredictionLog, PredictionLogOptions, add_arguments, prediction_log
from yachay.serving.prediction_records import Redaction, read_key

KEY = b"0123456789abcdef"
START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
FEATURES = (
    Feature("GDP", "float32", "numeric", True, float("nan"), None, "GDP"),
    Feature("Course", "int64", "categorical", True, -(2**63), None, "Course"),
    Feature("District", "string", "categorical", True, "", None, "District"),
)
INPUTS = {"GDP": [1.5, float("nan")], "Course": [-(2**63), 33], "District": ["north", ""]}
DTYPES = {"GDP": "float32", "Course": "int64", "District": "object"}


def prediction(request_id: str = "a", *, version: str = "7", model: str = "m", seconds: int = 0) -> Prediction:
    """Returns a prediction of two rows with a missing value of each dtype."""
    return Prediction(
        request_id,
        START + timedelta(seconds=seconds),
        model,
        version,
        "v1",
        FEATURES,
        {name: np.array(values, DTYPES[name]) for name, values in INPUTS.items()},
        {"classes": np.array(["yes", "no"], object), "scores": np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)},
    )


def logged(options: PredictionLogOptions, predictions: Iterable[Prediction]) -> list[dict[str, Any]]:
    """Logs the predictions and returns the records of all files in the order of their names."""
    log = PredictionLog(options)
    for each in predictions:
        log.record(each)
    log.close()
    return records(options.folder)


def records(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".parquet":
            found += pyarrow.parquet.read_table(path).to_pylist()
        else:
            found += [json.loads(line) for line in path.read_text().splitlines()]
    return found


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


EXPECTED = [
    {
        "prediction_id": "a",
        "prediction_row": 0,
        "prediction_time": "2026-11-21T06:00:00Z",
        "prediction_model": "m",
        "prediction_version": "7",
        "prediction_protocol": "v1",
        "GDP": 1.5,
        "Course": None,
        "District": "north",
        "prediction_classes": "yes",
        "prediction_scores": [0.25, 0.75],
    },
    {
        "prediction_id": "a",
        "prediction_row": 1,
        "prediction_time": "2026-11-21T06:00:00Z",
        "prediction_model": "m",
        "prediction_version": "7",
        "prediction_protocol": "v1",
        "GDP": None,
        "Course": 33,
        "District": None,
        "prediction_classes": "no",
        "prediction_scores": [0.5, 0.5],
    },
]


def test_each_row_of_a_request_is_a_json_line_with_missing_values_as_null(tmp_path: Path) -> None:
    assert logged(PredictionLogOptions(tmp_path, format="jsonl"), [prediction()]) == EXPECTED


def test_numbers_are_as_short_as_in_the_response(tmp_path: Path) -> None:
    plain = prediction()
    answered = Prediction(**{**vars(plain), "outputs": {"scores": np.array([[0.1, 0.9], [0.3, 0.7]], np.float32)}})
    logged(PredictionLogOptions(tmp_path, "jsonl"), [answered])

    (path,) = tmp_path.iterdir()
    assert '"prediction_scores":[0.1,0.9]}' in path.read_text()


def test_parquet_holds_the_same_records_with_the_types_of_the_features(tmp_path: Path) -> None:
    rows = logged(PredictionLogOptions(tmp_path), [prediction()])

    assert [row | {"prediction_time": "2026-11-21T06:00:00Z"} for row in rows] == EXPECTED
    assert rows[0]["prediction_time"] == START
    (path,) = tmp_path.iterdir()
    types = {field.name: str(field.type) for field in pyarrow.parquet.read_schema(path)}
    assert types == {
        "prediction_id": "string",
        "prediction_row": "int64",
        "prediction_time": "timestamp[us, tz=UTC]",
        "prediction_model": "string",
        "prediction_version": "string",
        "prediction_protocol": "string",
        "GDP": "float",
        "Course": "int64",
        "District": "string",
        "prediction_classes": "string",
        "prediction_scores": "list<element: float>",
    }


@pytest.mark.parametrize(
    "outputs",
    [
        {"scores": np.array([0.5, 0.25], np.float32)},
        {"outputs": np.array([1.5, -2.0], np.float32)},
        {name: np.ones((2, 24), np.float32) for name in ("outputs", "lower", "upper")},
    ],
)
def test_rankings_regressions_and_forecasts_validate_against_the_schema(tmp_path: Path, outputs: Any) -> None:
    plain = prediction()
    answered = Prediction(**{**vars(plain), "outputs": outputs})

    for record in logged(PredictionLogOptions(tmp_path, format="jsonl"), [answered]):
        jsonschema.validate(record, record_schema())


def test_a_file_has_its_name_only_when_it_is_whole_and_is_named_after_its_first_record(tmp_path: Path) -> None:
    logged(PredictionLogOptions(tmp_path), [prediction("a"), prediction("b", seconds=5)])

    (path,) = tmp_path.iterdir()
    assert path.name.startswith("predictions-20261121T060000.000000Z-")
    assert path.suffix == ".parquet"


def test_a_file_is_finished_when_it_is_large_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.001)
    log = PredictionLog(PredictionLogOptions(tmp_path, rotate_mib=1e-6))
    for number in range(3):
        log.record(prediction(str(number), seconds=number))
        wait_for_files(tmp_path, number + 1)
    log.close()

    assert [row["prediction_id"] for row in records(tmp_path)] == ["0", "0", "1", "1", "2", "2"]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_is_finished_when_its_first_record_is_old_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.001)
    log = PredictionLog(PredictionLogOptions(tmp_path, rotate_seconds=0.001))
    log.record(prediction())
    wait_for_files(tmp_path, 1)
    log.close()

    assert len(records(tmp_path)) == 2


def test_versions_with_other_outputs_go_to_files_of_their_own(tmp_path: Path) -> None:
    plain = prediction("b", version="8", seconds=1)
    other = Prediction(**{**vars(plain), "outputs": {"outputs": np.array([1.0, 2.0], np.float32)}})
    rows = logged(PredictionLogOptions(tmp_path), [prediction(), other, prediction("c", version="9", seconds=2)])

    assert [row["prediction_version"] for row in rows] == ["7", "7", "8", "8", "9", "9"]
    assert len(list(tmp_path.iterdir())) == 3


def test_the_same_requests_are_sampled_by_every_replica(tmp_path: Path) -> None:
    asked = [prediction(f"request-{number}") for number in range(2_000)]
    first, second = (
        {row["prediction_id"] for row in logged(PredictionLogOptions(tmp_path / name, sample=0.25), asked)}
        for name in "ab"
    )

    assert first == second
    assert len(first) == pytest.approx(500, abs=80)


def test_dropped_features_are_left_out_and_hashed_ones_tell_only_equal_from_unequal(tmp_path: Path) -> None:
    redaction = Redaction(frozenset({"GDP"}), frozenset({"Course"}), KEY)
    first, second = logged(PredictionLogOptions(tmp_path / "a", "jsonl", redaction=redaction), [prediction()])
    other_key = Redaction(frozenset(), frozenset({"Course"}), b"another" * 4)
    _, third = logged(PredictionLogOptions(tmp_path / "b", "jsonl", redaction=other_key), [prediction()])

    assert "GDP" not in first
    assert first["Course"] is None
    assert len(second["Course"]) == 32
    assert second["Course"] == redaction.digest(33)
    assert second["Course"] != third["Course"]
    jsonschema.validate(second, record_schema())


def test_a_redaction_of_what_is_no_feature_is_rejected_with_the_nearest_name(tmp_path: Path) -> None:
    log = PredictionLog(PredictionLogOptions(tmp_path, redaction=Redaction(frozenset({"Cuorse"}))))
    with pytest.raises(ConfigurationError, match=r"Received: 'Cuorse'\. Did you mean 'Course'\?"):
        log.check_features(FEATURES)
    log.close()


def test_a_feature_named_as_the_log_names_its_own_columns_is_rejected(tmp_path: Path) -> None:
    log = PredictionLog(PredictionLogOptions(tmp_path))
    with pytest.raises(ConfigurationError, match=r"no feature that starts with 'prediction_'.* prediction_time"):
        log.check_features([Feature("prediction_time", "int64", "numeric", False, None, None, "prediction_time")])
    log.close()


def test_what_does_not_fit_in_the_queue_is_counted_and_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_ROWS", 4)
    monkeypatch.setattr(module, "DRAIN_SECONDS", 60)
    before = counted("yachay_prediction_log_dropped_total", model_name="m", reason="overflow")

    with caplog.at_level(logging.WARNING):
        rows = logged(PredictionLogOptions(tmp_path), [prediction(str(number)) for number in range(5)])

    assert [row["prediction_id"] for row in rows] == ["0", "0", "1", "1"]
    assert counted("yachay_prediction_log_dropped_total", model_name="m", reason="overflow") - before == 6
    (said,) = caplog.messages
    assert said == (
        "Prediction log: predictions come faster than they can be written. 6 rows were dropped since it was last said."
    )


def test_a_folder_that_cannot_be_written_to_is_rejected_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"can be written to\. Received: .*/file/log \(Not a directory\)"):
        PredictionLog(PredictionLogOptions(tmp_path / "file" / "log"))


def test_records_wait_while_the_folder_is_away_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.001)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    folder, away = tmp_path / "log", tmp_path / "away"
    with caplog.at_level(logging.WARNING):
        log = PredictionLog(PredictionLogOptions(folder, rotate_seconds=0.001))
        folder.rename(away)
        log.record(prediction())
        wait_until(lambda: bool(caplog.messages))
        away.rename(folder)
        wait_for_files(folder, 1)
        log.close()

    assert len(records(folder)) == 2
    assert "cannot be written to: No such file or directory. 0 rows were dropped" in caplog.messages[0]


def test_records_that_can_never_be_written_are_counted_and_close_returns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "log"
    before = counted("yachay_prediction_log_dropped_total", model_name="m", reason="unwritable")
    log = PredictionLog(PredictionLogOptions(folder))
    folder.rmdir()
    log.record(prediction())
    with caplog.at_level(logging.WARNING):
        log.close()

    assert counted("yachay_prediction_log_dropped_total", model_name="m", reason="unwritable") - before == 2
    assert "2 rows were dropped" in caplog.messages[-1]


def test_rows_in_finished_files_are_counted(tmp_path: Path) -> None:
    before = counted("yachay_prediction_log_rows_total", model_name="m")

    logged(PredictionLogOptions(tmp_path), [prediction(), prediction("b")])

    assert counted("yachay_prediction_log_rows_total", model_name="m") - before == 4


def flags(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def test_without_its_flag_there_is_no_log() -> None:
    assert prediction_log(flags()) is None


def test_the_flags_make_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YACHAY_PREDICTION_LOG_KEY", KEY.decode())
    redaction = ["--prediction_log_drop=GDP, District", "--prediction_log_hash=Course"]
    log = prediction_log(flags(f"--prediction_log={tmp_path}", "--prediction_log_format=jsonl", *redaction))
    assert log is not None
    log.record(prediction())
    log.close()

    (_, second) = records(tmp_path)
    assert "GDP" not in second
    assert "District" not in second
    assert len(second["Course"]) == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prediction_log_sample=0"], r"above 0 and up to 1\. Received: 0\.0"),
        (["--prediction_log_sample=nan"], r"above 0 and up to 1\. Received: nan"),
        (["--prediction_log_rotate_mib=0"], r"rotate_mib above 0\. Received: 0\.0"),
        (["--prediction_log_hash=Course"], r"Received: 0 bytes\. .* set YACHAY_PREDICTION_LOG_KEY"),
        (["--prediction_log_keep_days=-1"], r"keep_days of 0 or more\. Received: -1\.0"),
        (["--prediction_log_keep_mib=nan"], r"keep_mib of 0 or more\. Received: nan"),
        (["--prediction_log_hash=A", "--prediction_log_key_file=/none"], r"a file that can be read\. Received: /none"),
        (["--prediction_log_hash=A", "--prediction_log_drop=A"], r"either dropped or hashed\. Received both for: A"),
    ],
)
def test_flags_that_do_not_fit_are_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    if "--prediction_log_drop=A" in arguments:
        monkeypatch.setenv("YACHAY_PREDICTION_LOG_KEY", KEY.decode())
    with pytest.raises(ConfigurationError, match=message):
        prediction_log(flags(f"--prediction_log={tmp_path}", *arguments))


def test_files_and_their_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        logged(PredictionLogOptions(tmp_path / "logs/log"), [prediction()])
    finally:
        os.umask(before)

    (path,) = (tmp_path / "logs/log").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_key_comes_from_a_file_and_short_ones_are_rejected(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(KEY + b"\n")
    assert read_key(key) == KEY

    key.write_bytes(KEY[:-1])
    with pytest.raises(ConfigurationError, match=r"Expected a key of 16 to 64 bytes .*Received: 15 bytes\."):
        Redaction(hashed=frozenset({"Course"}), key=read_key(key))


def test_the_request_id_is_hashed_on_request(tmp_path: Path) -> None:
    redaction = Redaction(hashed=frozenset({"prediction_id"}), key=KEY)

    first, second = logged(PredictionLogOptions(tmp_path, "jsonl", redaction=redaction), [prediction("student-7")])

    redaction.check(FEATURES)
    assert first["prediction_id"] == second["prediction_id"] == redaction.digest("student-7")
    jsonschema.validate(first, record_schema())
    with pytest.raises(ConfigurationError, match="Received: 'prediction_id'"):
        Redaction(dropped=frozenset({"prediction_id"})).check(FEATURES)


def make_files(folder: Path, ages_days: Iterable[float]) -> list[Path]:
    paths = [folder / f"predictions-{number}.jsonl" for number, _ in enumerate(ages_days)]
    for path, age_days in zip(paths, ages_days, strict=True):
        path.write_bytes(b"x" * 2**19)
        os.utime(path, times=(time.time() - age_days * 86400,) * 2)
    return paths


def test_files_are_removed_after_their_days_and_nothing_else_is(tmp_path: Path) -> None:
    old, new = make_files(tmp_path, [3.1, 2.9])
    others = [tmp_path / "notes.txt", tmp_path / ".staging-predictions-9.jsonl-ab", tmp_path / "predictions-1.csv"]
    for path in others:
        path.touch()
        os.utime(path, times=(time.time() - 2.5 * 86400,) * 2)

    assert RecordFolder(tmp_path, "jsonl", Retention(days=3)).remove_old() == [old]
    assert {*tmp_path.iterdir()} == {new, *others}
    assert RecordFolder(tmp_path, "jsonl", Retention()).remove_old() == []

    os.utime(others[1], times=(0, 0))  # What a killed server left.
    RecordFolder(tmp_path, "jsonl", Retention(days=3)).remove_old()
    assert not others[1].exists()


def test_the_oldest_files_go_until_the_rest_fits(tmp_path: Path) -> None:
    paths = make_files(tmp_path, [0, 0, 0, 0])

    assert RecordFolder(tmp_path, "jsonl", Retention(mib=1)).remove_old() == paths[:2]
    assert sorted(tmp_path.iterdir()) == paths[2:]


def test_a_running_log_removes_what_is_too_old_also_without_requests(tmp_path: Path) -> None:
    make_files(tmp_path, [2])
    log = PredictionLog(PredictionLogOptions(tmp_path, retention=Retention(days=1)))

    wait_until(lambda: not list(tmp_path.iterdir()))
    log.close()


def wait_for_files(folder: Path, count: int) -> None:
    wait_until(lambda: len([path for path in folder.iterdir() if not path.name.startswith(STAGING_PREFIX)]) >= count)


def wait_until(is_so: Any, seconds: float = 20) -> None:
    """Waits until the log's own thread has done something."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "the log's thread did not do it"
        time.sleep(0.005)
