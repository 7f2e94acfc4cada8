"""Public files given to `yachay new` with no help: what the curated configurations have, or a question about it."""

import os
from pathlib import Path

import pytest

from yachay.components.features import FeatureKind, Problem
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.scaffold.baselines import MEAN
from yachay.pipelines.scaffold.scaffold import NewPipeline, scaffold

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif("YACHAY_DATA" not in os.environ, reason="YACHAY_DATA names no folder of real data"),
]


def new(folder: Path, file: str, label: str) -> NewPipeline:
    return scaffold("tried", Path(os.environ["YACHAY_DATA"], file), label, folder)


def kinds(written: NewPipeline) -> dict[str, FeatureKind | None]:
    return {column.name: column.kind for column in written.inference.columns}


def asked(written: NewPipeline) -> str:
    return "\n".join(map(str, written.inference.questions))


def test_the_grade_average_is_a_question_and_no_model_is_blessed_with_it(tmp_path: Path) -> None:
    written = new(tmp_path, "student_performance/Student_performance_data.csv", "GradeClass")

    assert written.inference.problem is Problem.CLASSIFICATION
    assert "GPA: predicts the label alone with an AUC of 0.9" in asked(written)
    assert "Age, Gender, Ethnicity: characteristics of persons" in asked(written)
    assert kinds(written)["StudentID"] is None
    assert kinds(written)["ParentalEducation"] is FeatureKind.ORDINAL
    assert written.baselines is not None
    assert written.baselines.lower > 0.93  # Without GPA honest models reach .87.


def test_the_grade_class_is_a_question_where_the_average_is_the_label(tmp_path: Path) -> None:
    written = new(tmp_path, "student_performance/Student_performance_data.csv", "GPA")

    assert "GradeClass: predicts the label alone" in asked(written)
    assert "it follows from the label" in asked(written)
    assert kinds(written)["ParentalSupport"] is FeatureKind.ORDINAL


def test_student_dropout_is_read_whatever_its_separators(tmp_path: Path) -> None:
    written = new(tmp_path, "student_dropout/data.csv", "Target")

    curated = find_pipeline("student_dropout").load().task_features("semester2")
    differing = {name for name, kind in kinds(written).items() if name in curated and curated[name] is not kind}
    [codes] = [question for question in written.inference.questions if question.kinds]
    assert differing == set(codes.kinds)
    assert kinds(written).keys() == curated.keys()
    assert written.inference.quarantined_share == 0
    assert written.baselines is not None
    assert written.baselines.family == MEAN


def test_a_weather_station_asks_for_a_split_by_time_and_about_frozen_sensors(tmp_path: Path) -> None:
    written = new(tmp_path, "weather/beijing/PRSA_Data_Dongsi_20130301-20170228.csv", "TEMP")

    assert "year, month, day, hour: parts of a time, and the rows are in its order." in asked(written)
    assert "SO2: 2 in 112 rows running. Was it measured, or a sensor stuck?" in asked(written)


def test_six_weather_stations_are_six_series(tmp_path: Path) -> None:
    assert "the rows are in its order, in 6 series" in asked(new(tmp_path, "weather/beijing", "TEMP"))
