"""Rows that are equal: one record written twice, under two numbers, or with two labels.

Rows of few values are equal by chance. If the columns were independent, as many pairs of rows would be equal as the
product of each column's own share of equal pairs says; the columns' shares are those of the rows that differ, for
copies would raise them. More than that by chance (Poisson) and more than `MIN_RATIO` times as many are a finding:
columns that depend on each other have more equal rows than independent ones.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

LEVEL = 1e-3
MIN_RATIO = 5.0


@dataclass(frozen=True)
class EqualRows:
    """How many rows are equal, beyond chance.

    Args:
        num_equal: int. Rows that equal an earlier one in all columns.
        num_renumbered: int. Rows that equal an earlier one in all inputs and the label, and in nothing else.
        num_torn: int. Rows with the values of another row and another label.
    """

    num_equal: int
    num_renumbered: int
    num_torn: int


def find_equal_rows(values: Mapping[str, pa.Array], labels: pa.Array, inputs: Collection[str]) -> EqualRows:
    """Returns how many rows are equal, of those with a label.

    Args:
        values: mapping of name to `pyarrow.Array` of shape `(N,)`.
        labels: `pyarrow.Array` of shape `(N,)`.
        inputs: collection of strings. The columns that are inputs.
    """
    is_labelled = labels.is_valid()
    frame = pd.DataFrame({name: _hashable(array.filter(is_labelled)) for name, array in values.items()})
    label = _hashable(labels.filter(is_labelled)).rename(" label")
    whole = pd.concat([frame, label], axis=1)
    known = pd.concat([frame[[name for name in frame if name in inputs]], label], axis=1)
    is_equal = _hash(whole).duplicated()
    is_renumbered = _hash(known).duplicated() & ~is_equal
    hashes = _hash(frame[~is_equal])
    num_pairs = int(hashes.duplicated().sum())
    return EqualRows(
        num_equal=_beyond_chance(int(is_equal.sum()), whole),
        num_renumbered=_beyond_chance(int(is_renumbered.sum()), known) if known.shape[1] < whole.shape[1] else 0,
        num_torn=int(hashes.duplicated(keep=False).sum()) if _beyond_chance(num_pairs, frame) else 0,
    )


def _beyond_chance(found: int, rows: pd.DataFrame) -> int:
    """Returns a number of equal rows, or 0 if chance explains it."""
    if not found:
        return 0
    from scipy import stats

    expected = _expected_pairs(rows)
    is_found = found > MIN_RATIO * expected and stats.poisson.sf(found - 1, expected) < LEVEL
    return found if is_found else 0


def _expected_pairs(rows: pd.DataFrame) -> float:
    distinct = rows[~_hash(rows).duplicated()]
    num_pairs = len(distinct) * (len(distinct) - 1) / 2
    if not num_pairs:
        return float("inf")
    counts = [distinct[name].value_counts(dropna=False).to_numpy(np.float64) for name in distinct]
    shares = [(count * (count - 1) / 2).sum() / num_pairs for count in counts]
    return float(np.prod(shares)) * len(rows) * (len(rows) - 1) / 2


def _hash(rows: pd.DataFrame) -> pd.Series:
    return pd.util.hash_pandas_object(rows, index=False)


def _hashable(array: pa.Array) -> pd.Series:
    return array.cast(pa.string()).to_pandas() if pa.types.is_timestamp(array.type) else array.to_pandas()
