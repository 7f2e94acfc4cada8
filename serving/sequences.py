"""Sequences of a request: each checked, and padded at the front to the length that the signature takes."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..model_store.metadata import MISSING_VALUE
from .contract import Array, Feature
from .values import FLOAT32_MAX, NUMPY_TYPES, PYTHON_TYPES, expected_value, shown, whole


def pack_sequences(
    features: Sequence[Feature], columns: Sequence[Sequence[Any]], max_string_bytes: int, failures: list[str]
) -> Array:
    """Returns the matrix of features of one dtype and one number of steps.

    Args:
        features: sequence of `F` `Feature`.
        columns: sequence of `F` columns, each of `N` values: a list of `min_steps` to `steps` items, oldest first, or
            None for a missing sequence.
        max_string_bytes: int. The most bytes a string may have in UTF-8.
        failures: list of strings. A line is added for each column that does not fit.

    Returns:
        Array `(F, N, steps)`.
    """
    num_rows, steps = len(columns[0]), features[0].steps or 0
    matrix = np.full((len(features), num_rows, steps), MISSING_VALUE[features[0].dtype], NUMPY_TYPES[features[0].dtype])
    for place, feature, column in zip(matrix, features, columns, strict=True):
        failure = _pack(place, feature, column, max_string_bytes)
        if failure:
            failures.append(failure)
    return matrix


def expected_sequence(feature: Feature) -> str:
    """Returns what a sequence must be, for a message."""
    least, most = feature.min_steps, feature.steps
    length = f"{most}" if least == most else f"{least} to {most}"
    item = {"float32": "numbers", "int64": "integers", "string": "strings"}[feature.dtype]
    return f"a list of {length} {item}{' or nulls' if feature.may_hold_null else ''}, the newest last"


def lacks_values(feature: Feature, matrix: Array) -> Array:
    """Returns which rows `(N, steps)` of a required sequence have values, but none in the domain of the schema.

    Such values are of another unit, or are missing to the model, as nulls alone would be.
    """
    domain = feature.domain or {}
    if (
        feature.optional
        or feature.dtype != "float32"
        or not feature.may_hold_null
        or not domain.keys() & {"min", "max"}
    ):
        return np.zeros(len(matrix), bool)
    is_inside = (matrix >= domain.get("min", -np.inf)) & (matrix <= domain.get("max", np.inf))
    lacking: Array = ~is_inside.any(axis=1) & ~np.isnan(matrix).all(axis=1)
    return lacking


def _pack(place: Array, feature: Feature, column: Sequence[Any], max_string_bytes: int) -> str:
    """Fills the rows `(N, steps)` of a feature, and returns what does not fit, or nothing."""
    dtype, steps = feature.dtype, feature.steps or 0
    for index, sequence in enumerate(column):
        if type(sequence) is not list:
            if sequence is None and feature.optional:
                continue
            return _wrong(feature, index, shown(sequence))
        if not feature.min_steps <= len(sequence) <= steps:
            return _wrong(feature, index, f"{len(sequence):,}")
    sent = [sequence or [] for sequence in column]
    types = set(map(type, chain.from_iterable(sent)))
    if dtype == "int64" and float in types:
        sent = [[whole(value) for value in sequence] for sequence in sent]
        types = set(map(type, chain.from_iterable(sent)))
    if not types <= PYTHON_TYPES[dtype] | ({type(None)} if feature.may_hold_null else set()):
        return _first_wrong(feature, sent)
    if dtype == "string" and (failure := _too_long(feature, sent, max_string_bytes)):
        return failure
    num_missing = sum(sequence.count(None) for sequence in sent) if type(None) in types else 0
    if num_missing and not feature.optional:
        for index, sequence in enumerate(sent):
            if sequence and sequence.count(None) == len(sequence):
                return f"Expected {feature.name!r} (row {index}) to have a value. Received: {len(sequence)} nulls."
    missing = MISSING_VALUE[dtype]
    rows = [[missing if value is None else value for value in row] for row in sent] if num_missing else sent
    num_missing += place.size - sum(map(len, rows))
    values = place.astype(np.float64) if dtype == "float32" else place
    try:
        if all(len(row) == steps for row in rows):
            values[:] = rows
        else:
            for target, row in zip(values, rows, strict=True):
                target[steps - len(row) :] = row
    except OverflowError:
        return _first_wrong(feature, sent)
    if dtype == "float32":
        if np.count_nonzero(np.abs(values) <= FLOAT32_MAX) != place.size - num_missing:
            return _first_wrong(feature, sent)
        place[:] = values
        if (lacking := lacks_values(feature, place)).any():
            return _none_inside(feature, index := int(lacking.argmax()), column[index])
    return ""


def _none_inside(feature: Feature, index: int, sequence: Sequence[Any]) -> str:
    domain, first = feature.domain or {}, next(value for value in sequence if value is not None)
    bounds = [
        f"{words} {domain[name]:g}" for name, words in (("min", "at least"), ("max", "at most")) if name in domain
    ]
    return (
        f"Expected {feature.name!r} (row {index}) to have a value of {' and '.join(bounds)}. "
        f"Received: none, the first is {first:g}."
    )


def _first_wrong(feature: Feature, column: Sequence[Sequence[Any]]) -> str:
    for index, sequence in enumerate(column):
        for step, value in enumerate(sequence):
            if not (_fits(feature, value) or (value is None and feature.may_hold_null)):
                expected = expected_value(feature)
                if type(value) in (float, int) and feature.dtype == "float32":
                    expected += " in the range of float32"
                return (
                    f"Expected {feature.name!r} (row {index}, step {step}) to be {expected}. Received: {shown(value)}."
                )
    raise AssertionError("a value that does not fit is among them")


def _fits(feature: Feature, value: Any) -> bool:
    if type(value) not in PYTHON_TYPES[feature.dtype]:
        return False
    if feature.dtype == "string":
        return True
    return bool(-FLOAT32_MAX <= value <= FLOAT32_MAX if feature.dtype == "float32" else -(2**63) <= value < 2**63)


def _too_long(feature: Feature, column: Sequence[Sequence[Any]], max_bytes: int) -> str:
    for index, sequence in enumerate(column):
        for step, value in enumerate(sequence):
            if value is not None and len(value) * 4 > max_bytes and len(value.encode()) > max_bytes:
                return (
                    f"Expected {feature.name!r} (row {index}, step {step}) to have at most {max_bytes:,} bytes. "
                    f"Received: {len(value.encode()):,}."
                )
    return ""


def _wrong(feature: Feature, index: int, received: str) -> str:
    return f"Expected {feature.name!r} (row {index}) to be {expected_sequence(feature)}. Received: {received}."
