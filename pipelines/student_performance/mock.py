"""Synthetic students in the form of the published file, for demonstrations and tests. They describe no person.

The published file behaves like generated data: its inputs are uncorrelated, GPA is nearly linear in them, and the last
records have classes at random. So the mock data is made by such a rule, with coefficients near those of the file.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CUTS = (3.5, 3.0, 2.5, 2.0)
"""The least GPA of the classes A, B, C and D; below the last is F."""

_NUM_ROWS = 2392
_SHARE_AT_RANDOM = 0.09
_FIRST_ID = 1001
_DEMOGRAPHY = {
    "Age": {15: 0.26, 16: 0.25, 17: 0.25, 18: 0.24},
    "Gender": {0: 0.49, 1: 0.51},
    "Ethnicity": {0: 0.5, 1: 0.21, 2: 0.2, 3: 0.09},
    "ParentalEducation": {0: 0.1, 1: 0.3, 2: 0.4, 3: 0.15, 4: 0.05},
}
_SUPPORT = {
    "Tutoring": {0: 0.7, 1: 0.3},
    "ParentalSupport": {0: 0.09, 1: 0.2, 2: 0.31, 3: 0.29, 4: 0.11},
    "Extracurricular": {0: 0.62, 1: 0.38},
    "Sports": {0: 0.7, 1: 0.3},
    "Music": {0: 0.8, 1: 0.2},
    "Volunteering": {0: 0.84, 1: 0.16},
}
_EFFECTS = {
    "StudyTimeWeekly": 0.03,
    "Absences": -0.1,
    "Tutoring": 0.25,
    "ParentalSupport": 0.15,
    "Extracurricular": 0.2,
    "Sports": 0.2,
    "Music": 0.15,
}
_INTERCEPT, _NOISE = 2.6, 0.2

Table = dict[str, NDArray[Any]]


def mock_table(num_rows: int = _NUM_ROWS, seed: int = 42) -> Table:
    """Returns synthetic records with the columns and codes of the published file.

    Args:
        num_rows: int. Number of records. Defaults to that of the published file.
        seed: int. The same seed and number give the same records. Defaults to 42.

    Returns:
        Dict of column to array of shape `(num_rows,)`, int64 or float64.

    Raises:
        ValueError: if `num_rows` is less than 1.
    """
    if num_rows < 1:
        raise ValueError(f"Expected `num_rows` to be 1 or more. Received: {num_rows}.")
    random = np.random.default_rng(seed)

    def drawn(columns: dict[str, dict[int, float]]) -> Table:
        return {name: random.choice(list(of), num_rows, p=list(of.values())) for name, of in columns.items()}

    table: Table = {"StudentID": np.arange(_FIRST_ID, _FIRST_ID + num_rows)} | drawn(_DEMOGRAPHY)
    table["StudyTimeWeekly"] = random.uniform(0, 20, num_rows)
    table["Absences"] = random.integers(0, 30, num_rows)
    table |= drawn(_SUPPORT)
    gpa = _INTERCEPT + sum(effect * table[name] for name, effect in _EFFECTS.items())
    table["GPA"] = np.clip(gpa + random.normal(0, _NOISE, num_rows), 0, 4)
    classes = grade_class(table["GPA"])
    at_random = np.arange(num_rows) >= round((1 - _SHARE_AT_RANDOM) * num_rows)
    table["GradeClass"] = np.where(at_random, random.permutation(classes), classes).astype(np.float64)
    return table


def grade_class(gpa: NDArray[Any]) -> NDArray[np.int64]:
    """Returns the index of the class of each GPA by the file's rule: 0 is A, 4 is F."""
    return np.asarray(len(CUTS) - np.searchsorted(CUTS[::-1], gpa, side="right"), np.int64)


def write_mock(path: Path) -> None:
    """Writes `mock_table` in the form of the published file.

    Args:
        path: path of the file to write; its folder exists.
    """
    table = mock_table()
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    lines = [",".join(table), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
