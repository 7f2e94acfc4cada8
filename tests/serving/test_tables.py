"""Tables are checked as requests are, row by row, whatever is in them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yachay.serving.contract import Feature
from yachay.serving.errors import RequestError
from yachay.serving.inputs import InputChecker
from yachay.serving.tables import TableChecker

NAN = float("nan")
FEATURES = [
    Feature("income", "float32", "numeric", False, None, None, "income"),
    Feature("rating", "float32", "ordinal", True, NAN, None, "rating"),
    Feature("branch", "int64", "categorical", False, None, None, "branch"),
    Feature("visits", "int64", "numeric", True, -(2**63), None, "visits"),
    Feature("town", "string", "categorical", False, None, None, "town"),
    Feature("since", "string", "time", True, "", None, "since"),
    Feature("past", "float32", "numeric", False, NAN, {"min": 0.0, "max": 9.0}, "past", steps=3, min_steps=1),
    Feature("counts", "int64", "numeric", True, -(2**63), None, "counts", steps=2),
    Feature("sky", "string", "categorical", False, None, None, "sky", steps=2, min_steps=2),
]
TYPES = {"float32": pa.float64(), "int64": pa.int64(), "string": pa.string()}
MAX_BYTES = 20

floats = st.none() | st.floats() | st.sampled_from([0.0, 3.4e38, 3.41e38, -1e39])
integers = st.none() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 0])
strings = st.none() | st.text(max_size=12) | st.sampled_from(["", "x" * 21, "ñ" * 11, "2024-02-31", "2024-02-29"])
SCALARS = {"float32": floats, "int64": integers, "string": strings}


def values_of(feature: Feature) -> st.SearchStrategy[object]:
    scalars = SCALARS[feature.dtype]
    return scalars if feature.steps is None else st.none() | st.lists(scalars, max_size=4)


def table_of(rows: list[dict[str, object]]) -> dict[str, pa.Array]:
    kinds = {
        feature.name: TYPES[feature.dtype] if feature.steps is None else pa.list_(TYPES[feature.dtype])
        for feature in FEATURES
    }
    # An infinite number and NaN are values here: nulls alone are missing.
    return {name: pa.array([row[name] for row in rows], kind, from_pandas=False) for name, kind in kinds.items()}


GOOD = {
    "income": 1.0,
    "rating": None,
    "branch": 1,
    "visits": None,
    "town": "Lima",
    "since": None,
    "past": [1.0],
    "counts": None,
    "sky": ["sun", "rain"],
}
CHANGES = st.fixed_dictionaries({}, optional={feature.name: values_of(feature) for feature in FEATURES})
ROWS = st.lists(CHANGES.map(lambda changes: {**GOOD, **changes}), min_size=1, max_size=6)


@settings(max_examples=300, deadline=None)
@given(ROWS)
def test_a_table_is_accepted_and_rejected_as_its_rows_are_in_requests(rows: list[dict[str, object]]) -> None:
    by_row = InputChecker(FEATURES, 1, MAX_BYTES)
    expected, accepted = [], []
    for row in rows:
        try:
            accepted.append(by_row.check_rows([row]))
            expected.append(True)
        except RequestError:
            expected.append(False)

    checked = TableChecker(FEATURES, MAX_BYTES).check(table_of(rows))

    assert checked.fits.tolist() == expected
    assert sorted(checked.failures) == [place for place, fits in enumerate(expected) if not fits]
    assert checked.inputs.num_rows == len(accepted)
    for group, matrix in checked.inputs.matrices.items():
        if accepted:
            each = np.concatenate([one.matrices[group] for one in accepted], axis=1)
            np.testing.assert_array_equal(matrix, each)
            assert matrix.dtype == each.dtype


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("income", None, "Expected 'income' to be a finite number. Received: null."),
        ("income", 1e39, "Expected 'income' to be a finite number in the range of float32. Received: 1e+39 "),
        ("town", "ñ" * 11, "Expected 'town' to have at most 20 bytes. Received: 22."),
        ("since", "2024-02-31", "Expected 'since' to be a date, or a time with its offset from UTC"),
        ("past", [1.0, 2.0, 3.0, 4.0], "Expected 'past' to be a list of 1 to 3 numbers"),
        (
            "past",
            [10.0, None],
            "Expected 'past' to have a value of at least 0 and at most 9. Received: none, the first is 10.",
        ),
        ("past", [1.0, float("inf")], "Expected 'past' (step 1) to be a finite number"),
    ],
)
def test_a_rejected_row_has_the_reason_that_its_client_would_get(column: str, value: object, reason: str) -> None:
    checked = TableChecker(FEATURES, MAX_BYTES).check(table_of([GOOD, {**GOOD, column: value}]))

    [(row, (found, text))] = checked.failures.items()
    assert (row, found) == (1, column)
    assert text.startswith(reason)


def test_rows_that_are_rejected_already_are_not_checked_and_an_optional_column_may_be_absent() -> None:
    columns = table_of([{**GOOD, "income": None}, GOOD])
    del columns["rating"], columns["counts"]

    checked = TableChecker(FEATURES, MAX_BYTES).check(columns, np.array([True, False]))

    assert (checked.fits.tolist(), checked.failures) == ([False, True], {})
    assert np.isnan(checked.inputs.matrices["float32"][1]).all()
