"""From what a client sent to what the signature takes: every field checked, column by column."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, filterfalse
from typing import Any

import numpy as np

from ..errors import suggestion
from ..model_store.metadata import MISSING_VALUE, Dtype
from .bodies import MAX_LOOP_BYTES
from .contract import Array, Feature
from .errors import Rejection, RequestError
from .sequences import expected_sequence, pack_sequences
from .values import FLOAT32_MAX, NUMPY_TYPES, PYTHON_TYPES, expected_value, is_time, quoted, shown, whole

MAX_NAMED = 20
"""Unknown fields that a rejection names."""
MAX_NAME_CHARACTERS = 100
_ESCAPED = len(r"\u0000")
"""Bytes of JSON that a byte of a string takes at most."""
_INT64 = np.iinfo(np.int64)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Checked rows, packed by type and number of steps: one tensor a group costs a call less than one a feature.

    Args:
        num_rows: int, `N`.
        matrices: dict of group (`Feature.group`) to array `(F, N)`, or `(F, N, steps)` for sequences: the features of
            that group in the model's order.
    """

    num_rows: int
    matrices: Mapping[str, Array]


class InputChecker:
    """Checks what clients send against the features of a model.

    Args:
        features: sequence of `Feature`.
        max_rows: int. The most rows a request may have.
        max_string_bytes: int. The most bytes a string may have in UTF-8.

    Attributes:
        max_values: int. The most values, lists and objects that a valid request has.
        max_value_bytes: int. The most bytes of JSON that one of them may have in a large request.
    """

    def __init__(self, features: Sequence[Feature], max_rows: int, max_string_bytes: int) -> None:
        self.features = {feature.name: feature for feature in features}
        self.groups = group_features(features)
        self._names = tuple(self.features)
        self._places = {
            group: [self._names.index(feature.name) for feature in members] for group, members in self.groups.items()
        }
        self._last_order = self._names, self._places
        self._aliases = {
            alias: feature.name
            for feature in features
            for alias in (feature.original_name, feature.original_name.strip())
            if alias not in self.features
        }
        self._known = self.features.keys() | self._aliases.keys()
        self._max_rows = max_rows
        self._max_string_bytes = max_string_bytes
        num_values = sum(feature.steps or 1 for feature in features)
        # Each value may stand in a list of its own, and each row and input in an object with its name and type.
        self.max_values = 2 * max_rows * (num_values + 1) + 16 * (len(self._names) + 16)
        self.max_value_bytes = max(_ESCAPED * max_string_bytes, MAX_LOOP_BYTES)

    def feature(self, field: str) -> Feature | None:
        """Returns the feature that a field names, itself or by its original name; None where there is none."""
        return self.features.get(self._aliases.get(field, field))

    def check_rows(self, rows: Sequence[Any]) -> Inputs:
        """Returns the inputs of rows, each a dict of field to value, or the bare value of a model with one feature.

        Raises:
            RequestError: if a row does not fit.
        """
        if not rows:
            raise _no_rows()
        self.check_num_rows(len(rows))
        if len(self._names) == 1 and not any(isinstance(row, dict) for row in rows):
            return self._pack([rows], len(rows), self._places)
        for index, row in enumerate(rows):
            if type(row) is not dict:
                raise RequestError(
                    Rejection.MALFORMED,
                    f"Expected each of `instances` to be an object of fields. Received: {shown(row)} (row {index}).",
                )
        names = tuple(rows[0])
        if len(rows) > 1 and len(set(map(tuple, rows))) > 1:
            return self._pack(list(self._pick(rows)), len(rows), self._places)
        places = self._places_in(names)
        if places is None:
            return self._pack(list(self._pick(rows)), len(rows), self._places)
        return self._pack(list(zip(*[row.values() for row in rows], strict=True)), len(rows), places)

    def check_columns(self, columns: Mapping[str, Sequence[Any]], what: str = "`inputs`") -> Inputs:
        """Returns the inputs of columns, each a sequence of as many values.

        Args:
            columns: mapping of field to sequence of values; None for a missing one.
            what: string. What the client calls the columns. Defaults to `inputs`.

        Raises:
            RequestError: if a column does not fit.
        """
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            shortest, longest = (choose(lengths, key=lambda name: lengths[name]) for choose in (min, max))
            raise RequestError(
                Rejection.MALFORMED,
                f"Expected each of {what} to have as many values. Received: {lengths[shortest]:,} of "
                f"{quoted(shortest)}, {lengths[longest]:,} of {quoted(longest)}.",
            )
        if not columns:
            self._named(columns, what)
        num_rows = next(iter(lengths.values()), 0)
        if num_rows == 0:
            raise _no_rows()
        self.check_num_rows(num_rows)
        missing = [None] * num_rows
        places = self._places_in(tuple(columns))
        if places is None:
            named = self._named(columns, what)
            given = [missing if named[name] is None else named[name] for name in self._names]
            return self._pack(given, num_rows, self._places)
        return self._pack(list(columns.values()), num_rows, places)

    def check_num_rows(self, num_rows: int) -> None:
        """Checks the number of rows before anything is made of them.

        Raises:
            RequestError: if there are too many.
        """
        if num_rows > self._max_rows:
            raise RequestError(
                Rejection.TOO_MANY_ROWS,
                f"Expected at most {self._max_rows:,} rows a request. Received: {num_rows:,}. Send them in parts.",
            )

    def _places_in(self, names: tuple[str, ...]) -> Mapping[str, Sequence[int]] | None:
        """Returns where the features of each group stand among fields; None if these are not all features by name."""
        order, places = self._last_order
        if order != names:
            if len(names) != len(self._names) or self.features.keys() != set(names):
                return None
            index = {name: place for place, name in enumerate(names)}
            places = {group: [index[feature.name] for feature in members] for group, members in self.groups.items()}
            # A client keeps to its order.
            self._last_order = names, places
        return places

    def _pick(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Sequence[Any]]:
        """Returns the columns of rows that leave out optional fields, None in their place, or name fields otherwise."""
        fields: dict[tuple[str, ...], list[str]] = {}
        picked = []
        for index, row in enumerate(rows):
            keys = tuple(row)
            if keys not in fields:
                named = self._named(dict(zip(keys, keys, strict=True)), f"row {index}")
                fields[keys] = [named[name] for name in self._names]
            picked.append(map(row.get, fields[keys]))
        return zip(*picked, strict=True)

    def _named(self, fields: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Returns the fields under the features' names, None for an optional one that is left out."""
        named: dict[str, Any] = {}
        failures = []
        unknown = list(filterfalse(self._known.__contains__, fields))
        for field in filter(self._known.__contains__, fields):
            name = self._aliases.get(field, field)
            if name in named:
                failures.append(f"Expected {name!r} once ({where}). Received: also its other name {quoted(field)}.")
            else:
                named[name] = fields[field]
        for field in unknown[:MAX_NAMED]:
            # The nearest name is searched for one field alone: a body may hold a million.
            free = [known for known in self.features if known not in fields] if len(unknown) == 1 else []
            hint = suggestion(field[:MAX_NAME_CHARACTERS], free)
            failures.append(f"Expected a field of the model ({where}). Received: {quoted(field)}.{hint}")
        if len(unknown) > MAX_NAMED:
            failures.append(f"Expected fields of the model ({where}). Received: {len(unknown) - MAX_NAMED:,} more.")
        for name, feature in self.features.items():
            if name not in named:
                if not feature.optional:
                    failures.append(f"Expected {name!r} ({where}) to be {_expected(feature)}. Received: no such field.")
                named[name] = None
        if failures:
            raise _reject(Rejection.FIELDS, failures, "the model's fields")
        return named

    def _pack(self, columns: Sequence[Sequence[Any]], num_rows: int, places: Mapping[str, Sequence[int]]) -> Inputs:
        matrices = {}
        failures: list[str] = []
        for group, features in self.groups.items():
            values = given = [columns[place] for place in places[group]]
            dtype = features[0].dtype
            if features[0].steps is not None:
                matrices[group] = pack_sequences(features, values, self._max_string_bytes, failures)
                continue
            if not set(map(type, chain.from_iterable(values))) <= PYTHON_TYPES[dtype]:
                values = [
                    self._impute(feature, column, failures) for feature, column in zip(features, values, strict=True)
                ]
            if not failures:
                matrices[group] = self._matrix(dtype, values, given, failures)
        if failures:
            raise _reject(Rejection.VALUES, failures, "values that fit the model")
        return Inputs(num_rows, matrices)

    def _impute(self, feature: Feature, column: Sequence[Any], failures: list[str]) -> list[Any]:
        """Returns a column with the model's own sign for a missing value in the place of None."""
        types, is_integer = PYTHON_TYPES[feature.dtype], feature.dtype == "int64"
        filled = []
        for index, value in enumerate(column):
            if value is None and feature.optional:
                filled.append(feature.missing)
            elif type(value) in types:
                filled.append(value)
            elif is_integer and type(whole(value)) is int:
                filled.append(whole(value))
            else:
                failures.append(_wrong(feature, index, value))
                break
        return filled

    def _matrix(
        self, dtype: Dtype, values: Sequence[Sequence[Any]], given: Sequence[Sequence[Any]], failures: list[str]
    ) -> Array:
        if dtype == "string":
            longest = max(map(len, chain.from_iterable(values)))
            if longest * 4 > self._max_string_bytes:
                self._check_strings(values, failures)
            self._find_missing(dtype, given, failures)
            self._check_times(given, failures)
            return np.array(values, np.object_)
        if dtype == "int64":
            try:
                flat = _flat(values, np.int64)
            except OverflowError:
                self._find_outside(dtype, given, failures, _INT64.min, _INT64.max)
                return np.empty(0, np.int64)
            if np.minimum.reduce(flat) == MISSING_VALUE[dtype]:
                self._find_missing(dtype, given, failures)
            return flat.reshape(len(values), -1)
        try:
            flat = _flat(values, np.float64)
        except OverflowError:
            flat = np.array([np.inf])
        # A missing value is NaN by now; one that the client sent is found among what was given.
        if not np.maximum.reduce(np.abs(flat)) <= FLOAT32_MAX:
            self._find_outside(dtype, given, failures, -FLOAT32_MAX, FLOAT32_MAX)
            if failures:
                return flat
        return flat.astype(np.float32).reshape(len(values), -1)

    def _check_strings(self, values: Sequence[Sequence[Any]], failures: list[str]) -> None:
        for feature, column in zip(self.groups["string"], values, strict=True):
            for index, value in enumerate(column):
                size = len(value.encode())
                if size > self._max_string_bytes:
                    failures.append(
                        f"Expected {feature.name!r} (row {index}) to have at most {self._max_string_bytes:,} bytes. "
                        f"Received: {size:,}."
                    )
                    break

    def _check_times(self, given: Sequence[Sequence[Any]], failures: list[str]) -> None:
        for feature, column in zip(self.groups["string"], given, strict=True):
            if feature.kind != "time":
                continue
            for index, value in enumerate(column):
                if value and not is_time(value):
                    failures.append(
                        f"Expected {feature.name!r} (row {index}) to be a date, or a time with its offset from UTC, "
                        f"such as 2024-01-31T12:00:00Z. Received: {quoted(value)}."
                    )
                    break

    def _find_missing(self, dtype: Dtype, given: Sequence[Sequence[Any]], failures: list[str]) -> None:
        """Finds values of required features that the model would take for missing ones."""
        missing = MISSING_VALUE[dtype]
        for feature, column in zip(self.groups[dtype], given, strict=True):
            if not feature.optional and missing in column:
                index = column.index(missing)
                failures.append(
                    f"Expected {feature.name!r} (row {index}) to have a value. "
                    f"Received: {missing!r}, which stands for a missing one."
                )

    def _find_outside(
        self, dtype: str, given: Sequence[Sequence[Any]], failures: list[str], low: float, high: float
    ) -> None:
        for feature, column in zip(self.groups[dtype], given, strict=True):
            for index, value in enumerate(column):
                if value is not None and not low <= value <= high:
                    failures.append(_wrong(feature, index, value))
                    break


def group_features(features: Iterable[Feature]) -> dict[str, list[Feature]]:
    """Returns features by group (`Feature.group`): single values first, each group in the features' order."""
    groups: dict[str, list[Feature]] = {}
    for feature in sorted(features, key=lambda each: (each.steps or 0, list(NUMPY_TYPES).index(each.dtype))):
        groups.setdefault(feature.group, []).append(feature)
    return groups


def _flat(columns: Sequence[Sequence[Any]], dtype: type[np.generic]) -> Array:
    """Returns numbers, one column after the other.

    It takes a tenth to a half of the time of `np.array`, which looks for the shape first.
    """
    return np.fromiter(chain.from_iterable(columns), dtype, len(columns) * len(columns[0]))


def _no_rows() -> RequestError:
    return RequestError(Rejection.MALFORMED, "Expected at least one row. Received: none.")


def _expected(feature: Feature) -> str:
    return expected_value(feature, is_null_named=False) if feature.steps is None else expected_sequence(feature)


def _wrong(feature: Feature, index: int, value: Any) -> str:
    expected = expected_value(feature)
    if type(value) in (float, int) and feature.dtype == "float32":
        expected += " in the range of float32"
    return f"Expected {feature.name!r} (row {index}) to be {expected}. Received: {shown(value)}."


def _reject(rejection: Rejection, failures: Sequence[str], expected: str) -> RequestError:
    if len(failures) == 1:
        return RequestError(rejection, failures[0])
    return RequestError(rejection, f"Expected {expected}. Received: {len(failures)} that do not fit.", failures)
