"""Tables in place of requests: the same validation, by columns.

    checker = TableChecker(features, max_string_bytes=4096)
    checked = checker.check(columns)  # {name: arrow array}
    outputs = model.predict(checked.inputs.matrices)

Arrays find the rows that may not fit, and `InputChecker`, which requests pass through, judges each of those: what it
accepts and rejects is the same row by row, at the speed of arrays where nearly all rows fit.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..model_store.metadata import MISSING_VALUE
from .contract import Array, Feature
from .errors import RequestError
from .inputs import InputChecker, Inputs, group_features
from .sequences import lacks_values
from .values import FLOAT32_MAX, NUMPY_TYPES, is_time

ARROW_TYPES: Mapping[str, pa.DataType] = {"float32": pa.float64(), "int64": pa.int64(), "string": pa.string()}
"""The type that a column, or the items of a column of lists, must have."""


@dataclasses.dataclass(frozen=True)
class CheckedTable:
    """A table of `N` rows, of which `M` fit.

    Args:
        inputs: `Inputs` of those that fit, in their order.
        fits: bool array `(N,)`.
        failures: mapping of the place of each other row to `(feature, reason)`: its first feature that does not fit.
    """

    inputs: Inputs
    fits: Array
    failures: Mapping[int, tuple[str, str]]


class TableChecker:
    """Checks columns against the features of a model, as `InputChecker` does requests.

    Args:
        features: sequence of `Feature`.
        max_string_bytes: int. The most bytes a string may have in UTF-8.
    """

    def __init__(self, features: Sequence[Feature], max_string_bytes: int) -> None:
        self._features = tuple(features)
        self._groups = group_features(features)
        self._rows = InputChecker(features, max_rows=1, max_string_bytes=max_string_bytes)
        self._max_string_bytes = max_string_bytes

    def check(self, columns: Mapping[str, pa.Array], rejected: Array | None = None) -> CheckedTable:
        """Returns the rows that fit, packed for the model, and why the others do not.

        Args:
            columns: mapping of each feature's name to its values, null where missing: of `ARROW_TYPES`, or lists of
                them for a sequence. An optional feature may be absent.
            rejected: bool array `(N,)`. Rows that do not fit for another reason and are not checked. Defaults to none.
        """
        num_rows = len(next(iter(columns.values())))
        fits = np.ones(num_rows, bool) if rejected is None else ~rejected
        is_doubtful = np.zeros(num_rows, bool)
        packed = {}
        for feature in self._features:
            column = columns.get(feature.name)
            if column is None:
                column = pa.nulls(num_rows, _arrow_type(feature))
            pack = self._pack if feature.steps is None else self._pack_sequences
            packed[feature.name], doubtful = pack(feature, column)
            is_doubtful |= doubtful
        failures: dict[int, tuple[str, str]] = {}
        for row in np.flatnonzero(is_doubtful & fits).tolist():
            try:
                accepted = self._rows.check_rows([{name: column[row].as_py() for name, column in columns.items()}])
            except RequestError as error:
                fits[row] = False
                failures[row] = self._first(error)
            else:
                for group, features in self._groups.items():
                    for feature, values in zip(features, accepted.matrices[group], strict=True):
                        packed[feature.name][row] = values[0]
        some = slice(None) if fits.all() else fits
        matrices = {
            group: np.stack([packed[feature.name][some] for feature in features])
            for group, features in self._groups.items()
        }
        return CheckedTable(Inputs(int(fits.sum()), matrices), fits, failures)

    def _pack(self, feature: Feature, column: pa.Array) -> tuple[Array, Array]:
        """Returns the values `(N,)` of a feature as the model takes them, and which rows may not fit."""
        is_missing = _mask(column.is_null())
        doubtful = is_missing & (not feature.optional)
        filled = column.fill_null(_filler(feature)) if column.null_count else column
        if feature.dtype == "string":
            return filled.to_numpy(zero_copy_only=False), doubtful | self._doubtful_strings(feature, filled)
        values = filled.to_numpy()
        if feature.dtype == "int64":
            if not feature.optional:
                doubtful = doubtful | (values == MISSING_VALUE["int64"])
            return values.copy(), doubtful
        doubtful |= ~(np.abs(values) <= FLOAT32_MAX) & ~is_missing
        with np.errstate(over="ignore"):
            return values.astype(np.float32), doubtful

    def _doubtful_strings(self, feature: Feature, column: pa.Array) -> Array:
        sizes = pc.binary_length(column).to_numpy()
        doubtful: Array = sizes > self._max_string_bytes
        if not feature.optional:
            doubtful = doubtful | (sizes == 0)
        if feature.kind == "time":
            distinct = pc.unique(column)
            wrong = [text for text in distinct.to_pylist() if text and not is_time(text)]
            doubtful |= _mask(pc.is_in(column, pa.array(wrong, pa.string())))
        return doubtful

    def _pack_sequences(self, feature: Feature, column: pa.Array) -> tuple[Array, Array]:
        """Returns the values `(N, steps)` of a sequence, padded at the front, and which rows may not fit."""
        num_rows, steps = len(column), feature.steps or 0
        is_missing = _mask(column.is_null())
        lengths = pc.list_value_length(column).fill_null(0).to_numpy().astype(np.int64)
        items = column.flatten()
        has_no_item = _mask(items.is_null())
        rows = np.repeat(np.arange(num_rows), lengths)
        doubtful = np.where(is_missing, not feature.optional, (lengths < feature.min_steps) | (lengths > steps))
        num_absent = np.bincount(rows[has_no_item], minlength=num_rows)
        if not feature.may_hold_null:
            doubtful |= num_absent > 0
        elif not feature.optional:
            doubtful |= (num_absent > 0) & (num_absent == lengths)
        filled = items.fill_null(_filler(feature)) if items.null_count else items
        values = filled.to_numpy(zero_copy_only=False)
        if feature.dtype == "float32":
            doubtful |= np.bincount(rows[~(np.abs(values) <= FLOAT32_MAX) & ~has_no_item], minlength=num_rows) > 0
        elif feature.dtype == "string":
            sizes = pc.binary_length(filled).to_numpy()
            doubtful |= np.bincount(rows[sizes > self._max_string_bytes], minlength=num_rows) > 0
        packed = np.full((num_rows, steps), MISSING_VALUE[feature.dtype], NUMPY_TYPES[feature.dtype])
        # The last values are the newest: the n-th of a list of L stands at step `steps` - L + n.
        starts = np.cumsum(lengths) - lengths
        places = np.arange(len(rows)) - starts[rows] + steps - lengths[rows]
        inside = places >= 0
        with np.errstate(over="ignore"):
            packed[rows[inside], places[inside]] = values[inside]
        doubtful |= lacks_values(feature, packed)
        return packed, doubtful

    def _first(self, error: RequestError) -> tuple[str, str]:
        """Returns the feature and the text of the first failure of the only row of a check."""
        text = (error.failures or (str(error),))[0]
        named = min(
            (place, feature.name) for feature in self._features if (place := text.find(repr(feature.name))) >= 0
        )
        return named[1], text.replace(" (row 0)", "", 1).replace("(row 0, step ", "(step ", 1)


def _filler(feature: Feature) -> float | int | str:
    return MISSING_VALUE[feature.dtype]


def _arrow_type(feature: Feature) -> pa.DataType:
    kind = ARROW_TYPES[feature.dtype]
    return kind if feature.steps is None else pa.list_(kind)


def _mask(array: pa.Array) -> Array:
    return np.asarray(array.to_numpy(zero_copy_only=False), bool)
