"""The published file and copies of it: other words, columns' order, separators; the altered cell; the configuration."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from yachay.components.example_gen.notes import Note
from yachay.errors import ConfigurationError, DataError
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.student_performance.mock import grade_class, mock_table, write_mock
from yachay.pipelines.student_performance.source import read

OPTIONS: dict[str, Any] = find_pipeline("student_performance").load().data.reader_options
WORDS = {
    "Gender": ["male", " FEMALE "],
    "Ethnicity": ["Caucasian", "African American", "Asian", "Other"],
    "ParentalEducation": ["None", "High School", "Some College", "Bachelor's", "Higher"],
    "ParentalSupport": ["None", "Low", "Moderate", "High", "Very High"],
    "Tutoring": ["No", "Yes"],
    "Sports": ["no", "yes"],
    "GradeClass": ["A", "B", "C", "D", "F"],
}


def records_of(path: Path, options: dict[str, Any] = OPTIONS) -> tuple[pd.DataFrame, list[Note]]:
    yielded = list(read(str(path), **options))
    batches = [item.to_pandas() for item in yielded if not isinstance(item, Note)]
    return pd.concat(batches), [item for item in yielded if isinstance(item, Note)]


def write(path: Path, columns: dict[str, Sequence[Any]], separator: str) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_mock(tmp_path / "students.csv")
    return tmp_path / "students.csv"


def test_codes_are_read_as_what_they_mean(file: Path) -> None:
    records, notes = records_of(file)

    assert len(records) == 2392
    assert not notes
    assert set(records["Gender"]) == {"Male", "Female"}
    assert set(records["GradeClass"]) == {"A", "B", "C", "D", "F"}
    assert set(records["ParentalEducation"]) == {"0", "1", "2", "3", "4"}
    codes = mock_table()["GradeClass"].astype(int)
    assert records["GradeClass"].tolist() == np.array(["A", "B", "C", "D", "F"])[codes].tolist()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_copy_with_words_in_another_order_and_with_another_separator_holds_the_same_records(
    file: Path, tmp_path: Path, separator: str
) -> None:
    table = {name: column.tolist() for name, column in mock_table().items()}
    worded = {name: [WORDS[name][int(code)] for code in column] if name in WORDS else column
              for name, column in reversed(table.items())}  # fmt: skip
    write(tmp_path / "copy.tsv", worded, separator)

    copy, _ = records_of(tmp_path / "copy.tsv")

    assert list(copy) == list(reversed(table))
    expected, _ = records_of(file)
    pd.testing.assert_frame_equal(copy[list(table)], expected)


def test_a_copy_with_decimal_commas_holds_the_same_records(file: Path, tmp_path: Path) -> None:
    table = {name: [str(value).replace(".", ",") for value in column] for name, column in mock_table().items()}
    write(tmp_path / "copy.csv", table, ";")

    copy, _ = records_of(tmp_path / "copy.csv")

    expected, _ = records_of(file)
    numbers = ["StudyTimeWeekly", "GPA"]
    pd.testing.assert_frame_equal(copy.drop(columns=numbers), expected.drop(columns=numbers))
    np.testing.assert_allclose(copy[numbers].astype(float), expected[numbers].astype(float))


@pytest.mark.parametrize("found", ['"18,42"', "18.415943446762263", "18.416", "18.42"])
def test_the_altered_cell_is_repaired_and_noted_with_its_line(file: Path, found: str) -> None:
    lines = file.read_text().splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("1297,"))
    cells = lines[place].split(",")
    cells[lines[0].split(",").index("StudyTimeWeekly")] = found
    lines[place] = ",".join(cells)
    lines.insert(3, "1,2")  # A record without most of its fields is none, and is noted too.
    file.write_text("\n".join(lines))

    records, notes = records_of(file)

    assert records.set_index("StudentID").loc["1297", "StudyTimeWeekly"] == "17.415943446762263"
    assert len(records) == 2392
    assert [(note.line, note.record, note.column, note.change) for note in notes] == [
        (4, "", "", "dropped"),
        (place + 2, "1297", "StudyTimeWeekly", "replaced"),
    ]
    assert notes[1].reason == "altered in this copy of the published file"


def test_every_record_with_the_altered_cell_is_repaired(tmp_path: Path) -> None:
    cells = ["18.415943446762263", "3.5", "18.42"]
    write(tmp_path / "twice.csv", {"StudentID": ["1297"] * 3, "StudyTimeWeekly": cells}, ",")

    records, notes = records_of(tmp_path / "twice.csv", {"values": {}, "repairs": OPTIONS["repairs"]})

    assert records["StudyTimeWeekly"].tolist() == ["17.415943446762263", "3.5", "17.415943446762263"]
    assert [note.line for note in notes] == [2, 4]


def test_another_value_of_that_student_stays(file: Path) -> None:
    records, notes = records_of(file)

    assert not notes
    row = mock_table()["StudentID"].tolist().index(1297)
    assert float(records["StudyTimeWeekly"].iloc[row]) == mock_table()["StudyTimeWeekly"][row]


def test_a_folder_holds_one_file(file: Path) -> None:
    assert len(records_of(file.parent)[0]) == 2392
    (file.parent / "second.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match=r"Expected one CSV file in .* Received: second\.csv, students\.csv"):
        records_of(file.parent)


def test_a_value_with_two_meanings_is_invalid(file: Path) -> None:
    values = {"Gender": {"Male": ["0"], "Female": ["0.0"]}}
    with pytest.raises(
        DataError, match=r"each value of 'Gender' to have one meaning .* '0\.0' for 'Male' and 'Female'"
    ):
        records_of(file, {"values": values, "repairs": []})


def test_a_repair_without_a_reason_is_invalid(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Invalid repair of `data\.reader_options`:\n  - reason"):
        records_of(file, {"values": {}, "repairs": [{"key": "1", "column": "GPA", "found": 1, "meant": 2}]})


def test_the_classes_of_the_rule_are_those_of_the_published_cuts() -> None:
    assert grade_class(np.array([4.0, 3.5, 3.49, 3.0, 2.5, 2.49, 2.0, 1.99, 0.0])).tolist() == [
        0,
        0,
        1,
        1,
        2,
        3,
        3,
        4,
        4,
    ]


@pytest.mark.parametrize(
    ("column", "reason"),
    [("GPA", "the grade class is a cut of it"), ("StudentID", "it names a person"), ("Gender", "demographic")],
)
def test_a_column_that_may_never_be_an_input_is_rejected_with_the_reason(column: str, reason: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"features: expected no '{column}', for `never_inputs` says: {reason}"
    ):
        find_pipeline("student_performance").load([f"features.numeric=[Absences, {column}]"])


def test_no_task_has_a_demographic_column_or_the_other_label_among_its_inputs() -> None:
    config = find_pipeline("student_performance").load()
    inputs = {name for task in config.tasks for name in config.prediction_task(task).features}

    assert len(inputs) == 9
    assert not inputs & {"Age", "Gender", "Ethnicity", "StudentID", "GPA", "GradeClass"}
    assert {"Age", "Gender", "Ethnicity"} <= set(config.evaluation.fairness)


def test_the_published_file_has_one_altered_cell() -> None:
    if not os.environ.get("YACHAY_DATA"):
        pytest.skip("YACHAY_DATA is not set: it names the folder of the real data")
    records, notes = records_of(Path(os.environ["YACHAY_DATA"], "student_performance"))

    assert records["GradeClass"].value_counts().to_dict() == {"F": 1211, "D": 414, "C": 391, "B": 269, "A": 107}
    assert [(note.line, note.record, note.column) for note in notes] == [(298, "1297", "StudyTimeWeekly")]
    off_the_rule = grade_class(records["GPA"].astype(float)) != records["GradeClass"].map("ABCDF".index)
    assert off_the_rule.sum() == 168
