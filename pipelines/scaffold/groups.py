"""Columns that name what a row belongs to: a person, a school, a station, with several rows each.

Records of one person on both sides of a split are known to the model before it is judged. A column names groups if its
values are words or whole numbers, most of them have several rows and none a large part, and one of the other columns
is constant within each of its values more often than chance explains. A column that is constant because it holds a
number's interval (ages and their bands) says nothing: along the numbers it changes as seldom as it can.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MIN_GROUPS = 20
MAX_LARGEST_SHARE = 0.1
MIN_REPEATED_SHARE = 0.5
MAX_CHANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class Group:
    """A column that names groups of rows.

    Args:
        name: string. Identifier.
        num_groups: int. Number of its values.
        constant: tuple of strings. The columns that are constant within each value.
    """

    name: str
    num_groups: int
    constant: tuple[str, ...]


def find_groups(candidates: Mapping[str, pa.Array], columns: Mapping[str, pa.Array]) -> list[Group]:
    """Returns the columns that name groups, the one with the most columns that are constant within it first.

    Args:
        candidates: mapping of name to `pyarrow.Array` of shape `(N,)`: whole numbers or words.
        columns: mapping of name to `pyarrow.Array` of shape `(N,)`: those that may be constant. The label is
            not: a column that gives it away is no group.
    """
    codes = {name: _codes(array) for name, array in columns.items()}
    groups = []
    for name, array in candidates.items():
        values = _codes(array)
        present = values[values >= 0]
        counts = np.bincount(present) if len(present) else np.zeros(0, int)
        if len(counts) < MIN_GROUPS or counts.max() > MAX_LARGEST_SHARE * len(array):
            continue
        if counts[counts > 1].sum() < MIN_REPEATED_SHARE * len(array):
            continue
        is_number = not pa.types.is_string(array.type)
        constant = tuple(
            other for other, their in codes.items() if other != name and _is_constant(values, their, is_number)
        )
        if constant:
            groups.append(Group(name, len(counts), constant))
    return sorted(groups, key=lambda group: -len(group.constant))


def name_same_groups(one: pa.Array, other: pa.Array) -> bool:
    """Returns whether each value of one column of shape `(N,)` goes with one value of the other, and the reverse."""
    pairs = np.stack([_codes(one), _codes(other)], axis=1)
    num_pairs = len(np.unique(pairs, axis=0))
    return bool(num_pairs == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])))


def _codes(array: pa.Array) -> np.ndarray:
    """Returns the places of values of shape `(N,)` in their order, -1 where there is none."""
    ranks = pc.rank(array, sort_keys="ascending", null_placement="at_end", tiebreaker="dense").to_numpy()
    codes: np.ndarray = np.where(array.is_null().to_numpy(zero_copy_only=False), -1, ranks.astype(np.int64) - 1)
    return codes


def _is_constant(groups: np.ndarray, values: np.ndarray, have_order: bool) -> bool:
    """Returns whether `values` are constant within each group, and neither by chance nor as intervals of the groups.

    By chance a second row of a group has its first row's value as often as any two rows agree: all `n` of them do with
    the probability `agreement ** n`.
    """
    is_both = (groups >= 0) & (values >= 0)
    groups, values = groups[is_both], values[is_both]
    if not len(groups):
        return False
    counts = np.bincount(values)
    agreement = float(((counts / counts.sum()) ** 2).sum())
    first = np.unique(groups, return_index=True)[1]
    by_group = np.full(groups.max() + 1, -1)
    by_group[groups[first]] = values[first]
    if not (by_group[groups] == values).all():
        return False
    in_order = by_group[by_group >= 0]
    if have_order and np.count_nonzero(np.diff(in_order)) < 2 * len(counts):
        return False
    num_further = len(groups) - len(first)
    return bool(num_further * np.log(max(agreement, 1e-300)) < np.log(MAX_CHANCE))
