"""Synthetic records in the form of UCI 697, for demonstrations and tests. They describe no person.

The numbers in `marginals.json` are summary statistics (frequencies, conditional shares, log-odds) of the published data
set: Realinho, Vieira Martins, Machado and Baptista, "Predict Students' Dropout and Academic Success", UCI Machine
Learning Repository 697 (2021), and Realinho, Machado, Baptista and Martins, "Predicting Student Dropout and Academic
Success", Data 7(11), 146 (2022), CC BY 4.0.

A record is drawn in the order of a student's life: who enrols and how, the outcome given that (a multinomial logit),
then two semesters that share a latent engagement, given the outcome.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

BYTE_ORDER_MARK = "\ufeff"
COLUMNS = (
    "Marital status",
    "Application mode",
    "Application order",
    "Course",
    "Daytime/evening attendance\t",
    "Previous qualification",
    "Previous qualification (grade)",
    "Nacionality",
    "Mother's qualification",
    "Father's qualification",
    "Mother's occupation",
    "Father's occupation",
    "Admission grade",
    "Displaced",
    "Educational special needs",
    "Debtor",
    "Tuition fees up to date",
    "Gender",
    "Scholarship holder",
    "Age at enrollment",
    "International",
    "Curricular units 1st sem (credited)",
    "Curricular units 1st sem (enrolled)",
    "Curricular units 1st sem (evaluations)",
    "Curricular units 1st sem (approved)",
    "Curricular units 1st sem (grade)",
    "Curricular units 1st sem (without evaluations)",
    "Curricular units 2nd sem (credited)",
    "Curricular units 2nd sem (enrolled)",
    "Curricular units 2nd sem (evaluations)",
    "Curricular units 2nd sem (approved)",
    "Curricular units 2nd sem (grade)",
    "Curricular units 2nd sem (without evaluations)",
    "Unemployment rate",
    "Inflation rate",
    "GDP",
    "Target",
)
OUTCOMES = ("Dropout", "Enrolled", "Graduate")
EVENING_COURSES = (8014, 9991)
PORTUGUESE = 1
UNKNOWN_QUALIFICATION = 34
LATE_APPLICATION_MODES = (7, 39)  # holders of other higher courses, applicants over 23

# How strongly the two semesters of one student go together, by outcome.
ENGAGEMENT_CORRELATION = {"Dropout": 0.88, "Enrolled": 0.62, "Graduate": 0.62}
GRADE_MEAN = {"Dropout": 12.1, "Enrolled": 12.2, "Graduate": 13.1}
# In the published file many more columns and their crossings bear on the outcome; here these few drivers carry it all.
DRIVER_STRENGTH = 1.5
NO_SHOW_SHARE = 0.34  # of the dropouts who passed nothing, those who sat no evaluation either

Array = np.ndarray[Any, np.dtype[Any]]
Table = dict[str, Array]


def mock_table(num_rows: int = 4424, seed: int = 42) -> Table:
    """Returns synthetic records with the columns of UCI 697, under their original headers.

    Args:
        num_rows: int. Number of records. Defaults to that of the published file.
        seed: int. The same seed and number give the same records. Defaults to 42.

    Returns:
        Dict of original header to array of shape `(num_rows,)`: int64, float64, or for `Target` string.

    Raises:
        ValueError: if `num_rows` is less than 1.
    """
    if num_rows < 1:
        raise ValueError(f"Expected `num_rows` to be 1 or more. Received: {num_rows}.")
    rng = np.random.default_rng(seed)
    table = _background(rng, num_rows)
    table["Target"] = _outcomes(rng, table)
    table |= _semesters(rng, table)
    return {name: table[name] for name in COLUMNS}


def write_mock_csv(path: Path, num_rows: int = 4424, seed: int = 42) -> None:
    """Writes `mock_table` in the form of the published file: `;`, byte order mark, CRLF, one header that ends in a TAB.

    Args:
        path: path of the file to write; its folder exists.
        num_rows: int. Number of records. Defaults to that of the published file.
        seed: int. Seed of the records. Defaults to 42.
    """
    table = mock_table(num_rows, seed)
    header = ";".join(f'"{name}"' if "\t" in name else name for name in table)
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    lines = [header, *(";".join(map(str, row)) for row in rows)]
    path.write_text(BYTE_ORDER_MARK + "\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")


def _background(rng: np.random.Generator, num_rows: int) -> Table:
    """Draws what is known at enrolment; most columns depend on whether the student is 23 or older."""
    marginals = _marginals()
    frequencies = marginals["frequencies"]
    ages = [sum(group.values()) for group in frequencies["Age at enrollment"].values()]
    mature = rng.random(num_rows) < ages[1] / sum(ages)
    table: Table = {}
    for name, groups in frequencies.items():
        young_codes = _draw(rng, groups["under_23"], num_rows)
        table[name] = np.where(mature, _draw(rng, groups["from_23"], num_rows), young_codes)
    for parent, other, alike in (
        ("Father's qualification", "Mother's qualification", 0.3),
        ("Father's occupation", "Mother's occupation", 0.25),
    ):
        table[parent] = np.where(rng.random(num_rows) < alike, table[other], table[parent])
    table["International"] = (table["Nacionality"] != PORTUGUESE).astype(np.int64)
    table["Daytime/evening attendance\t"] = (~np.isin(table["Course"], EVENING_COURSES)).astype(np.int64)

    male = _bernoulli(rng, _of_course(table["Course"], "male"))
    table["Gender"] = male
    table["Scholarship holder"] = _bernoulli(rng, np.where(mature, 0.145 - 0.075 * male, 0.355 - 0.15 * male))
    debtor = _bernoulli(rng, np.where(mature, 0.165, 0.075) + 0.15 * table["International"])
    table["Debtor"] = debtor
    unpaid = np.where(mature, 0.135 + 0.475 * debtor, 0.055 + 0.33 * debtor)
    table["Tuition fees up to date"] = 1 - _bernoulli(
        rng, np.where(table["Scholarship holder"] == 1, 0.4, 1.1) * unpaid
    )

    ability, other = rng.standard_normal((2, num_rows))
    table["Admission grade"] = _grade(127 + np.where(mature, 17.4, 12.9) * ability)
    table["Previous qualification (grade)"] = _grade(132.6 + 13.2 * (0.58 * ability + math.sqrt(1 - 0.58**2) * other))
    economy = marginals["economy"]
    counts = np.array([year["count"] for year in economy], dtype=np.float64)
    years = rng.choice(len(economy), num_rows, p=counts / counts.sum())
    for name in ("Unemployment rate", "Inflation rate", "GDP"):
        table[name] = np.array([year[name] for year in economy])[years]
    return table


def _outcomes(rng: np.random.Generator, table: Table) -> Array:
    """Draws each student's outcome from a multinomial logit of the background."""
    log_odds = np.zeros((len(table["Course"]), len(OUTCOMES)))
    for column, outcome in enumerate(OUTCOMES[:2]):
        log_odds[:, column] = _log_odds(table, outcome)
    gumbel = -np.log(-np.log(rng.random(log_odds.shape)))
    drawn: Array = np.array(OUTCOMES)[np.argmax(log_odds + gumbel, axis=1)]
    return drawn


def _log_odds(table: Table, outcome: str) -> Array:
    weights = _marginals()["log_odds_to_graduate"][outcome]
    drivers = {
        "male": table["Gender"],
        "from_23": table["Age at enrollment"] >= 23,
        "Scholarship holder": table["Scholarship holder"],
        "Debtor": table["Debtor"],
        "unpaid": 1 - table["Tuition fees up to date"],
        "Displaced": table["Displaced"],
        "grade": (table["Admission grade"] - 127) / 14.5,
        "late": np.isin(table["Application mode"], LATE_APPLICATION_MODES),
        "unknown": table["Mother's qualification"] == UNKNOWN_QUALIFICATION,
    }
    effect = sum((weights[name] * driver for name, driver in drivers.items()), _of_course(table["Course"], outcome))
    return np.asarray(weights["base"] + DRIVER_STRENGTH * effect)


def _semesters(rng: np.random.Generator, table: Table) -> Table:
    """Draws the twelve curricular columns given the outcome, the course and a latent engagement."""
    outcome, course = table["Target"], table["Course"]
    num_rows = len(outcome)
    correlation = _lookup(outcome, ENGAGEMENT_CORRELATION)
    engagement, mark = rng.standard_normal((2, num_rows))
    transferred = rng.random(num_rows) < np.where(table["Age at enrollment"] >= 23, 0.25, 0.08)
    credited = np.where(transferred, np.minimum(rng.geometric(0.18, num_rows), 20), 0)
    planned = np.zeros(num_rows, dtype=np.int64)
    for code, facts in _marginals()["courses"].items():
        planned = np.where(course == int(code), _draw(rng, facts["units"], num_rows), planned)
    units: Table = {}
    for semester, ordinal in enumerate(("1st", "2nd")):
        if semester:
            credited = _whole(0.75 * credited)
            planned = np.where((planned == 7) & (rng.random(num_rows) < 0.7), 8, planned)
        enrolled = np.where(transferred, planned + _whole(0.75 * credited), planned)
        standing = correlation * engagement + np.sqrt(1 - correlation**2) * rng.standard_normal(num_rows)
        columns = _semester(rng, outcome, enrolled, standing, mark, _approved_share(standing, outcome, semester))
        units[f"Curricular units {ordinal} sem (credited)"] = credited
        units |= {f"Curricular units {ordinal} sem ({name})": column for name, column in columns.items()}
    return units


def _semester(
    rng: np.random.Generator, outcome: Array, enrolled: Array, standing: Array, mark: Array, share: Array
) -> Table:
    """Draws a semester of students who approve a given share of the units they are enrolled in."""
    num_rows = len(enrolled)
    partly = np.clip(_whole(share * enrolled), share > 0, np.maximum(enrolled - 1, 0))
    approved = np.minimum(np.where(share < 1, partly, enrolled), enrolled)
    repeats = np.where(share <= 0, 3.0, 5.5 - 4.2 * share) + (2.3 - 0.5 * share) * rng.standard_normal(num_rows)
    no_show = (outcome == "Dropout") & (share <= 0) & (rng.random(num_rows) < NO_SHOW_SHARE)
    evaluations = np.where(no_show | (enrolled == 0), 0, np.maximum(enrolled + _whole(repeats), approved))
    own_mark = 0.75 * mark + 0.3 * standing + 0.59 * rng.standard_normal(num_rows)
    grade = np.clip(_lookup(outcome, GRADE_MEAN) + 1.25 * own_mark, 10, 19)
    missed = np.where(rng.random(num_rows) < 0.07, np.minimum(rng.geometric(0.5, num_rows), 12), 0)
    return {
        "enrolled": enrolled,
        "evaluations": evaluations,
        "approved": approved,
        # A semester's grade is the mean of the whole marks of the approved units.
        "grade": np.where(approved > 0, np.rint(grade * approved) / np.maximum(approved, 1), 0.0),
        "without evaluations": np.where(enrolled > 0, missed, 0),
    }


def _approved_share(standing: Array, outcome: Array, semester: int) -> Array:
    """Returns the share of units approved at a standing, a standard normal quantile among students of an outcome."""
    shares = _marginals()["approved_share"]
    rank = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in standing.tolist()])
    result = np.zeros(len(standing))
    for name in OUTCOMES:
        cumulative = shares[name][semester]
        result = np.where(outcome == name, np.interp(rank, cumulative, shares["levels"]), result)
    return result


def _draw(rng: np.random.Generator, counts: Mapping[str, float], num_rows: int) -> Array:
    codes = np.array([int(code) for code in counts], dtype=np.int64)
    weights = np.array(list(counts.values()), dtype=np.float64)
    return rng.choice(codes, num_rows, p=weights / weights.sum())


def _bernoulli(rng: np.random.Generator, probability: Array) -> Array:
    return (rng.random(len(probability)) < probability).astype(np.int64)


def _grade(values: Array) -> Array:
    return np.round(np.clip(values, 95.0, 190.0), 1)


def _whole(values: Array) -> Array:
    return np.rint(values).astype(np.int64)


def _of_course(course: Array, fact: str) -> Array:
    return _lookup(course, {int(code): facts[fact] for code, facts in _marginals()["courses"].items()})


def _lookup(keys: Array, values: Mapping[Any, float]) -> Array:
    return np.array([values[key] for key in keys.tolist()], dtype=np.float64)


@cache
def _marginals() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(__file__).with_name("marginals.json").read_text(encoding="utf-8"))
    return document
