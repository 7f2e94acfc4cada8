"""Rows that are equal: one record written twice, under two numbers, or with two labels.

Rows of few values are equal by chance. If the columns were independent, as many pairs of rows would be equal as the
product of each column's own share of equal pairs says; the columns' shares are those of the rows that differ, for
copies would raise them. Two numbers are by chance as often equal as they are a few of the column's smallest steps
apart. More than that by chance (Poisson) and more than `MIN_RATIO` times as many are a finding: columns that depend on
each other have more equal rows than independent ones. Where chance explains single rows, it does not explain `RUN`
different ones that follow each other as they did before: a part of the file that was pasted twice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

LEVEL = 1e-3
MIN_RATIO = 5.0
RUN = 5
NEAR = 10


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
    hashes_of_all = _hash(whole)
    is_equal = hashes_of_all.duplicated()
    num_equal = _beyond_chance(int(is_equal.sum()), whole) or _count_pasted(hashes_of_all.to_numpy())
    is_renumbered = _hash(known).duplicated() & ~is_equal
    hashes = _hash(frame[~is_equal])
    num_pairs = int(hashes.duplicated().sum())
    return EqualRows(
        num_equal=num_equal,
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


def _count_pasted(hashes: np.ndarray) -> int:
    """Returns how many rows follow each other as earlier ones did, beyond chance, of the rows' hashes of shape `(N,)`.

    By chance two rows are equal as often as any two rows of the file are.
    """
    if len(hashes) < 2 * RUN:
        return 0
    from scipy import stats

    runs = np.lib.stride_tricks.sliding_window_view(hashes, RUN)
    ordered = np.sort(runs, axis=1)
    are_different = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
    is_again = pd.DataFrame(runs).duplicated().to_numpy() & are_different
    counts = np.unique(hashes, return_counts=True)[1].astype(np.float64)
    agreement = float((counts * (counts - 1)).sum() / (len(hashes) * (len(hashes) - 1)))
    expected = agreement**RUN * len(hashes) ** 2 / 2
    found = int(is_again.sum())
    if found <= MIN_RATIO * expected or stats.poisson.sf(found - 1, expected) >= LEVEL:
        return 0
    is_pasted = np.zeros(len(hashes), bool)
    for offset in range(RUN):
        is_pasted[offset : offset + len(is_again)] |= is_again
    return int(is_pasted.sum())


def _expected_pairs(rows: pd.DataFrame) -> float:
    distinct = rows[~_hash(rows).duplicated()]
    num_pairs = len(distinct) * (len(distinct) - 1) / 2
    if not num_pairs:
        return float("inf")
    shares = [max(_equal_pairs(distinct[name]), _near_pairs(distinct[name])) / num_pairs for name in distinct]
    return float(np.prod(shares)) * len(rows) * (len(rows) - 1) / 2


def _equal_pairs(values: pd.Series) -> float:
    counts = values.value_counts(dropna=False).to_numpy(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def _near_pairs(values: pd.Series) -> float:
    """Returns how many pairs of numbers would be equal if they were so as often as 1, 2, ... or `NEAR` steps apart."""
    if not pd.api.types.is_numeric_dtype(values):
        return 0.0
    numbers = np.sort(values.dropna().to_numpy(np.float64))
    steps = np.diff(np.unique(numbers))
    if not len(steps):
        return 0.0
    reach = (NEAR + 0.5) * steps.min()
    behind = np.searchsorted(numbers, numbers + 0.5 * steps.min(), side="left")
    num_near = np.searchsorted(numbers, numbers + reach, side="right") - behind
    return float(num_near.sum()) / (2 * NEAR)


def _hash(rows: pd.DataFrame) -> pd.Series:
    return pd.util.hash_pandas_object(rows, index=False)


def _hashable(array: pa.Array) -> pd.Series:
    return array.cast(pa.string()).to_pandas() if pa.types.is_timestamp(array.type) else array.to_pandas()
