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


def questions(inference: Inference, name: str) -> list[str]:
    return [question.text for question in inference.questions if question.text.startswith(name)]


def test_a_column_that_follows_from_the_label_is_a_question(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows: list[dict[str, Any]] = [row | {"Mark": round(chance.gauss(12, 3), 2)} for row in clean_rows(0)]
    rows = [row | {"Grade": "DCBA"[sum(row["Mark"] > cut for cut in (9, 12, 15))]} for row in rows]

    [question] = questions(inferred(tmp_path, rows, "Mark"), "Grade")

    assert "it follows from the label. Is it known before Mark is?" in question


def test_a_name_that_speaks_of_the_end_is_a_question_where_the_column_has_power(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [
        row | {"Final state": (row["Passed"] == "yes") + chance.gauss(0, 0.6), "Final colour": chance.choice("rgb")}
        for row in clean_rows(0)
    ]

    inference = inferred(tmp_path, rows)

    assert ["its name says 'final'" in question for question in questions(inference, "Final")] == [True]


def test_whole_numbers_are_codes_counts_or_levels(tmp_path: Path) -> None:
    chance = random.Random(0)
    codes = (33, 171, 8014, 9003, 9070, 9085, 9119, 9130, 9147, 9238, 9254, 9500)
    rows = [
        row
        | {
            "Course": chance.choice(codes),
            "Children": min(sum(chance.random() < 0.7 for _ in range(9)), 9),
            "Level": chance.randint(1, 4),
            "Stars": (stars := chance.randint(1, 5)),
            "Passed": "yes" if stars + chance.gauss(0, 3) > 3 else "no",
        }
        for row in clean_rows(0, 800)
    ]

    inference = inferred(tmp_path, rows)

    [question] = inference.questions
    assert question.text.startswith("Course: whole numbers with gaps")
    assert question.kinds == {"Course": FeatureKind.CATEGORICAL}
    assert column(inference, "Children").basis.startswith("a count")
    assert (column(inference, "Level").kind, column(inference, "Level").basis) == (
        FeatureKind.ORDINAL, "levels: its name says 'level'",
    )  # fmt: skip
    assert column(inference, "Stars").basis == "levels: the label goes with their order"


def test_seconds_since_1970_are_times(tmp_path: Path) -> None:
    rows = [row | {"t": 1_600_000_000 + place * 7_919_000 % 90_000_000} for place, row in enumerate(clean_rows(0))]

    assert column(inferred(tmp_path, rows), "t").basis == "seconds since 1970"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Perú".encode().decode("latin-1"), "Brasil"], "written in one encoding and read in another, in 200 of 400"),
        (["20-Oct", "10-20", "21-30"], "'20-Oct' among '10-20', '21-30': ranges that a spreadsheet made dates"),
        (["Lima", "lima ", "Cusco"], "'Lima' and 'lima ' differ in case, accents or spaces only"),
    ],
)
def test_damaged_texts_are_a_question(tmp_path: Path, words: list[str], message: str) -> None:
    rows = [row | {"Place": words[place % len(words)]} for place, row in enumerate(clean_rows(0))]

    [question] = questions(inferred(tmp_path, rows), "Place")

    assert message in question


def test_a_class_in_two_spellings_is_a_question(tmp_path: Path) -> None:
    rows = [
        row | {"Passed": row["Passed"].title() if place % 9 else row["Passed"]}
        for place, row in enumerate(clean_rows(0))
    ]

    assert "'No' and 'no'" in questions(inferred(tmp_path, rows), "Passed")[0]


def test_a_column_that_is_nearly_always_the_same_is_a_question(tmp_path: Path) -> None:
    rows = [row | {"Unit": "cm" if place > 2 else "m"} for place, row in enumerate(clean_rows(0))]

    [question] = questions(inferred(tmp_path, rows), "Unit")

    assert question == "Unit: 'cm' in all but 3 of 400 rows. Is it needed?"


def test_one_record_under_two_numbers_is_a_question(tmp_path: Path) -> None:
    rows = clean_rows(0)
    rows = [{"No": place, **row} for place, row in enumerate([*rows, *rows[:15]])]

    [question] = inferred(tmp_path, rows).questions

    assert question.text.startswith("15 of 415 rows equal an earlier one but for No. Are they one record under two")


def test_parts_of_a_split_are_no_feature(tmp_path: Path) -> None:
    rows = [row | {"Set": ["train", "train", "Test"][place % 3]} for place, row in enumerate(clean_rows(0))]

    inference = inferred(tmp_path, rows)

    assert column(inference, "Set").reason == "says to which part of a split a row belongs"


def test_characteristics_of_persons_are_one_question(tmp_path: Path) -> None:
    rows = [row | {"Gender": place % 2} for place, row in enumerate(clean_rows(0))]

    [question] = inferred(tmp_path, rows).questions

    assert question.text.startswith("Age, Gender: characteristics of persons. May they decide about one?")
    assert question.exclude == ("Age", "Gender")


def test_document_numbers_are_a_question_by_their_shape(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [row | {"n": chance.randint(10_000_000, 99_999_999)} for row in clean_rows(0)]

    assert "document numbers" in questions(inferred(tmp_path, rows), "n")[0]


def test_a_rare_class_is_noted(tmp_path: Path) -> None:
    rows = [row | {"Passed": "no" if place % 20 == 7 else "yes"} for place, row in enumerate(clean_rows(0))]

    [note] = inferred(tmp_path, rows).notes

    assert note.startswith("95.0% of the rows are of the class 'yes', 20 of 'no': the accuracy says little.")


def test_500_whole_labels_are_a_number_with_a_question(tmp_path: Path) -> None:
    rows = [row | {"Code": place % 500} for place, row in enumerate(clean_rows(0, 2500))]

    inference = inferred(tmp_path, rows, "Code")

    assert inference.problem is Problem.REGRESSION
    assert inference.questions[0].text.startswith("Code: is each of its 500 whole numbers a class, and no number?")


def test_folds_of_a_column_that_names_groups_hold_whole_groups(tmp_path: Path) -> None:
    rows = [
        row | {"Person id": 1000 + place // 8 * 17 % 911, "Sex": "fm"[place // 8 % 3 % 2]}
        for place, row in enumerate(clean_rows(0))
    ]

    powers = inferred(tmp_path, rows).powers

    assert powers is not None
    assert all(len(set(powers.folds[powers.clusters == group])) == 1 for group in range(50))


def test_rows_of_few_values_are_equal_by_chance(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [
        {"a": chance.choice("xyz"), "b": chance.choice("uv"), "Passed": chance.choice(["yes", "no"])}
        for _ in range(400)
    ]

    assert inferred(tmp_path, rows).questions == ()


def test_numbers_of_few_digits_are_equal_by_chance(tmp_path: Path) -> None:
    chance = random.Random(5)
    rows = [{"x": f"{chance.gauss(0, 1):.3f}", "Passed": chance.choice(["yes", "no"])} for _ in range(300)]

    assert inferred(tmp_path, rows).questions == ()
    assert any("equal an earlier one" in str(one) for one in inferred(tmp_path, [*rows, *rows[40:80]]).questions)


def test_rows_of_few_values_that_were_pasted_twice_are_a_question(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [
        {"a": chance.choice("xyz"), "b": chance.randint(0, 40), "Passed": chance.choice(["yes", "no"])}
        for _ in range(900)
    ]

    [question] = inferred(tmp_path, [*rows, *rows[:20]]).questions

    assert question.text.startswith("20 of 920 rows equal an earlier one.")


def test_dates_written_in_several_ways_are_a_question(tmp_path: Path) -> None:
    days = [START + datetime.timedelta(days=place) for place in range(400)]
    forms = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y")
    rows = [row | {"Born": day.strftime(forms[day.day % 3])} for row, day in zip(clean_rows(0), days, strict=True)]

    inference = inferred(tmp_path, rows)

    assert column(inference, "Born").kind is None
    assert "dates written in several ways, of which '%" in questions(inference, "Born")[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [("Género", "characteristics of persons"), ("Teléfono", "looks like telephone numbers")],
)
def test_names_with_accents_are_understood(tmp_path: Path, name: str, message: str) -> None:
    rows = [row | {name: "mf"[place * 7 % 5 % 2]} for place, row in enumerate(clean_rows(0))]

    found = [question.text for question in inferred(tmp_path, rows).questions]

    assert any(name in text and message in text for text in found)


def test_few_rows_are_not_nearly_always_the_same(tmp_path: Path) -> None:
    assert not questions(inferred(tmp_path, clean_rows(0, 30)[:12]), "Band")


def test_a_class_of_hardly_a_row_is_a_question(tmp_path: Path) -> None:
    rows = [*clean_rows(0), clean_rows(1)[0] | {"Passed": "(yes/no)"}]

    [question] = questions(inferred(tmp_path, rows), "Passed")

    assert question.startswith("Passed: fewer than 5 rows have '(yes/no)'")
