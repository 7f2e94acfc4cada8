import csv
import datetime
import random
from pathlib import Path
from typing import Any

import pytest

from yachay.components.example_gen.settings import Repair
from yachay.components.features import FeatureKind, Problem
from yachay.errors import DataError
from yachay.pipelines.scaffold.inference import Inference, infer

START = datetime.date(2020, 1, 1)


def clean_rows(seed: int, num_rows: int = 400) -> list[dict[str, Any]]:
    """Returns made-up records of a classification in which no column is a trap."""
    chance = random.Random(seed)
    rows = []
    for _ in range(num_rows):
        age, income, town = chance.randint(15, 60), chance.gauss(20, 5), chance.choice("abcdef")
        score = income / 5 + (town in "ab") + chance.gauss(0, 1.5)
        rows.append(
            {
                "Age": age,
                "Band": age // 20,
                "Income": f"{income:.3f}",
                "Town": town,
                "Visits": chance.randint(0, 30),
                "Passed": "yes" if score > 4 else "no",
            }
        )
    return rows


def inferred(folder: Path, rows: list[dict[str, Any]], label: str = "Passed", **asked: Any) -> Inference:
    path = folder / "data.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return infer(str(path), label, **asked)


def column(inference: Inference, name: str) -> Any:
    return next(column for column in inference.columns if column.name == name)


@pytest.mark.parametrize("seed", range(20))
def test_clean_data_raises_no_question(tmp_path: Path, seed: int) -> None:
    inference = inferred(tmp_path, clean_rows(seed))

    assert (inference.notes, inference.questions, inference.split, inference.repairs) == ((), (), {}, {})
    assert all(column.kind for column in inference.columns)


def test_the_label_in_other_words_is_no_feature(tmp_path: Path) -> None:
    rows = [row | {"Result": "aprobado" if row["Passed"] == "yes" else "desaprobado"} for row in clean_rows(0)]

    inference = inferred(tmp_path, rows)

    result = column(inference, "Result")
    assert result.kind is None
    assert result.reason.startswith("gives the label away: predicts the label alone with an AUC of 1.000")
    assert result.reason.endswith("each of its values goes with one label")


def test_a_number_behind_the_label_is_no_feature_of_a_regression(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows: list[dict[str, Any]] = [row | {"Mark": round(chance.gauss(12, 3), 2)} for row in clean_rows(0)]
    rows = [row | {"Percent": round(row["Mark"] * 5 + chance.gauss(0, 0.1), 2)} for row in rows]

    inference = inferred(tmp_path, rows, "Mark")

    assert column(inference, "Percent").kind is None
    assert "R²" in column(inference, "Percent").reason


def test_a_strong_column_is_a_question(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [row | {"Exam": (row["Passed"] == "yes") * 1.5 + chance.gauss(0, 0.6)} for row in clean_rows(0, 1000)]

    inference = inferred(tmp_path, rows)

    assert column(inference, "Exam").kind is FeatureKind.NUMERIC
    [question] = inference.questions
    assert question.text.startswith("Exam: predicts the label alone with an AUC of 0.9")


def test_a_repeated_person_is_the_key_of_the_split_under_each_of_its_names(tmp_path: Path) -> None:
    rows = [
        row | {"Person id": 1000 + place // 4 * 17 % 911, "Code": f"c{place // 4}", "Sex": "fm"[place // 4 % 3 % 2]}
        for place, row in enumerate(clean_rows(0))
    ]

    inference = inferred(tmp_path, rows)

    assert inference.split == {"method": "group", "key": "Person_id"}
    assert column(inference, "Person_id").reason.startswith("names groups: 100 values with several rows each")
    assert column(inference, "Code").reason == "names the groups that Person id names"
    assert column(inference, "Sex").kind is FeatureKind.CATEGORICAL


def test_rows_in_the_order_of_a_date_are_split_by_it(tmp_path: Path) -> None:
    rows = [
        row | {"Day": (START + datetime.timedelta(days=place)).strftime("%d/%m/%Y")}
        for place, row in enumerate(clean_rows(0))
    ]

    inference = inferred(tmp_path, rows)

    assert inference.split == {"method": "time", "key": "Day"}
    assert inference.repairs == {"Day": Repair(time_format="%d/%m/%Y")}
    assert "The rows are in the order of Day: the latest are held out." in inference.notes


@pytest.mark.parametrize("written", ["%Y-%m-%d", "%m/%d/%Y", "%Y%m%d", "%d.%m.%y", "%Y-%m-%dT%H:%M:%S"])
def test_dates_are_times_however_they_are_written(tmp_path: Path, written: str) -> None:
    chance = random.Random(0)
    rows = [
        row | {"Day": (START + datetime.timedelta(days=chance.randint(0, 700))).strftime(written)}
        for row in clean_rows(0)
    ]

    inference = inferred(tmp_path, rows)

    assert column(inference, "Day").kind is FeatureKind.TIME
    assert inference.repairs == {"Day": Repair(time_format=written)}
    assert [question.text.partition(":")[0] for question in inference.questions] == ["Day"]


def test_dates_that_fit_two_ways_are_a_question(tmp_path: Path) -> None:
    rows = [row | {"Day": f"{place % 12 + 1:02}/{place % 7 + 1:02}/2020"} for place, row in enumerate(clean_rows(0))]

    inference = inferred(tmp_path, rows)

    assert inference.repairs == {"Day": Repair(time_format="%d/%m/%Y")}
    assert any("'%m/%d/%Y' alike" in question.text for question in inference.questions)


@pytest.mark.parametrize(
    ("write", "repair"),
    [
        (lambda number: f"S/ {number:,.2f}", Repair(remove=("S/",), thousands=",")),
        (lambda number: f"{number:.0f} %", Repair(remove=("%",))),
        (lambda number: f"US${number:.1f}", Repair(remove=("US$",))),
        (lambda number: f"{number:.2f}".replace(".", ","), Repair(decimal=",")),
        (lambda number: "-9999" if number % 7 < 1 else f"{number / 1000:.2f}", Repair(missing_values=("-9999",))),
    ],
)
def test_numbers_between_marks_are_repaired(tmp_path: Path, write: Any, repair: Repair) -> None:
    chance = random.Random(0)
    rows = [row | {"Fee": write(chance.uniform(1, 3_000_000))} for row in clean_rows(0)]

    inference = inferred(tmp_path, rows)

    assert inference.repairs == {"Fee": repair}
    assert column(inference, "Fee").kind is FeatureKind.NUMERIC


def test_equal_rows_and_contradictions_are_questions(tmp_path: Path) -> None:
    rows = clean_rows(0)
    torn = rows[0] | {"Passed": "no" if rows[0]["Passed"] == "yes" else "yes"}

    inference = inferred(tmp_path, [*rows, *rows[1:11], torn])

    assert [question.text.partition(".")[0] for question in inference.questions] == [
        "10 of 411 rows equal an earlier one",
        "2 rows have the values of another row and another Passed",
    ]


def test_a_column_that_says_what_another_says_is_a_question(tmp_path: Path) -> None:
    rows = [row | {"Town code": "abcdef".index(row["Town"])} for row in clean_rows(0)]

    [question] = inferred(tmp_path, rows).questions

    assert question.text.startswith("Town code: says what Town says")


def test_personal_data_is_a_question(tmp_path: Path) -> None:
    rows = [row | {"contact": f"s{place}@uni.edu"} for place, row in enumerate(clean_rows(0))]

    [question] = inferred(tmp_path, rows).questions

    assert question.text.startswith("contact: looks like e-mail addresses")


def test_parts_of_a_time_and_a_stuck_sensor_are_questions(tmp_path: Path) -> None:
    rows = [
        {
            "year": 2020 + place // 400,
            "month": place // 40 % 10 + 1,
            "day": place % 40 // 2 + 1,
            "hour": place % 2,
            **row,
        }
        for place, row in enumerate(clean_rows(0, 800))
    ]
    for row in rows[100:140]:
        row["Income"] = "21.125"

    questions = inferred(tmp_path, rows).questions

    assert questions[0].text.startswith("year, month, day, hour: parts of a time")
    assert questions[1].text.startswith("Income: 21.125 in 40 rows running")


def test_marks_are_classes_or_a_number_as_asked(tmp_path: Path) -> None:
    rows = [row | {"Mark": place * 7 % 10} for place, row in enumerate(clean_rows(0))]

    guessed = inferred(tmp_path, rows, "Mark")
    assert guessed.problem is Problem.CLASSIFICATION
    assert guessed.questions[0].text.startswith("Mark: is it a number")
    assert inferred(tmp_path, rows, "Mark", problem=Problem.REGRESSION).problem is Problem.REGRESSION
    with pytest.raises(DataError, match="Expected numbers in the label column"):
        inferred(tmp_path, rows, "Passed", problem=Problem.REGRESSION)


def test_many_marks_are_a_number_unless_classes_are_asked_for(tmp_path: Path) -> None:
    rows = [row | {"Mark": place * 7 % 18} for place, row in enumerate(clean_rows(0))]

    assert inferred(tmp_path, rows, "Mark").problem is Problem.REGRESSION
    assert len(inferred(tmp_path, rows, "Mark", problem=Problem.CLASSIFICATION).class_counts) == 18


def test_rows_of_few_values_are_equal_by_chance(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [
        {"a": chance.choice("xyz"), "b": chance.choice("uv"), "Passed": chance.choice(["yes", "no"])}
        for _ in range(400)
    ]

    assert inferred(tmp_path, rows).questions == ()
