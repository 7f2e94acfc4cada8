"""Which slices may not be shown: those of few records, and those from which the few could be had by subtraction.

A slice is left out where it has fewer records than may be shown. Where only one slice of a column is left out, the
total less the others is that slice, so that further ones are left out too: complementary suppression (Cox, Journal of
the American Statistical Association 1980; Hundepool et al., Statistical Disclosure Control, 2012, chapter 4).

    hidden = hidden_slices(counts, min_rows=10)

Of the slices of a table that share the values of some of its columns, the hidden ones are none, or two or more that
have `min_rows` records together; and no hidden count follows from those shown by any sum or difference of tables, nor
does the sum of two slices that have fewer than `min_rows` together.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Slice = frozenset[tuple[str, Any]]
"""Pairs of column and value; empty for all records."""

_DETERMINED = 1e-6


def hidden_slices(counts: Mapping[Slice, int], min_rows: int) -> frozenset[Slice]:
    """Returns the slices to leave out.

    Args:
        counts: mapping of each slice, and of the empty one, to its number of records. Slices without a record are not
            in it; records without a value of a column are in none of its slices.
        min_rows: int. Fewer records are not shown.
    """
    tables = _Tables(counts, min_rows)
    while tables.hide_more() or tables.hide_determined():
        pass
    return frozenset(tables.hidden)


class _Tables:
    def __init__(self, counts: Mapping[Slice, int], min_rows: int) -> None:
        self._min_rows = min_rows
        self._counts = dict(counts)
        self.hidden = {one for one, count in counts.items() if one and count < min_rows}
        self._sums = list(self._find_sums())

    def _find_sums(self) -> Iterator[tuple[Slice, list[Slice]]]:
        """Yields for each table the slices that share the values of some of its columns, with the slice of these."""
        tables: dict[frozenset[str], list[Slice]] = {}
        for one in self._counts:
            tables.setdefault(frozenset(column for column, _ in one), []).append(one)
        for columns, slices in tables.items():
            for size in range(len(columns)):
                for kept in itertools.combinations(sorted(columns), size):
                    parts: dict[Slice, list[Slice]] = {}
                    for one in slices:
                        parts.setdefault(frozenset(pair for pair in one if pair[0] in kept), []).append(one)
                    yield from parts.items()

    def hide_more(self) -> bool:
        """Hides slices until each sum has enough of them; returns whether there were any to hide."""
        before = len(self.hidden)
        for whole, parts in self._sums:
            shown = sorted((one for one in parts if one not in self.hidden), key=self._order)
            while shown and self._is_open(whole, parts):
                self.hidden.add(shown.pop(0))
            # All parts are hidden, and the whole would still give them away.
            if whole and whole in self._counts and whole not in self.hidden and self._is_open(whole, parts):
                self.hidden.add(whole)
        return len(self.hidden) > before

    def _is_open(self, whole: Slice, parts: list[Slice]) -> bool:
        sizes = [self._counts[one] for one in parts if one in self.hidden]
        rest = self._rest(whole, parts)
        if 0 < rest < self._min_rows:
            sizes.append(rest)
        if whole in self.hidden:
            # The parts that are shown do not add up to the whole.
            return not sizes
        return bool(sizes) and (len(sizes) < 2 or sum(sizes) < self._min_rows)

    def _rest(self, whole: Slice, parts: list[Slice]) -> int:
        """Returns the records of a slice that are in none of its parts, 0 where the slice is in no table."""
        return self._counts[whole] - sum(self._counts[one] for one in parts) if whole in self._counts else 0

    def _order(self, one: Slice) -> tuple[int, list[str]]:
        return self._counts[one], sorted(map(str, one))

    def hide_determined(self) -> bool:
        """Hides a slice beside one whose count still follows from the sums together; returns whether there was one."""
        if not self.hidden:
            return False
        rows, unknown = self._equations()
        for one in sorted(set(self._determined(rows, unknown)), key=self._order):
            beside = {part for whole, parts in self._sums if one in (whole, *parts) for part in (*parts, whole)}
            shown = [part for part in beside if part and part in self._counts and part not in self.hidden]
            if shown:
                self.hidden.add(min(shown, key=self._order))
                return True
        return False

    def _equations(self) -> tuple[list[list[tuple[int, int]]], dict[tuple[str, Slice], int]]:
        """Returns the sums as equations of what is not shown, each a list of unknown and sign."""
        unknown: dict[tuple[str, Slice], int] = {}
        rows = []
        for place, (whole, parts) in enumerate(self._sums):
            row = [(unknown.setdefault(("", one), len(unknown)), 1) for one in parts if one in self.hidden]
            if whole in self.hidden or whole not in self._counts:
                row.append((unknown.setdefault(("", whole), len(unknown)), -1))
            if 0 < self._rest(whole, parts) < self._min_rows:
                row.append((unknown.setdefault((f"rest {place}", whole), len(unknown)), 1))
            if row:
                rows.append(row)
        return rows, unknown

    def _determined(
        self, rows: list[list[tuple[int, int]]], unknown: Mapping[tuple[str, Slice], int]
    ) -> Iterator[Slice]:
        if not rows:
            return
        matrix = np.zeros((len(rows), len(unknown)))
        for place, row in enumerate(rows):
            for column, sign in row:
                matrix[place, column] = sign
        _, scales, basis = np.linalg.svd(matrix, full_matrices=False)
        # An unknown, or a sum of two, follows from the equations where its direction lies in the space of their rows.
        known = basis[scales > _DETERMINED]
        within = (known**2).sum(axis=0)
        for (kind, one), column in unknown.items():
            if not kind and one in self.hidden and within[column] > 1 - _DETERMINED:
                yield one
        few = [
            (one, column)
            for (kind, one), column in unknown.items()
            if not kind and self._counts.get(one, self._min_rows) < self._min_rows
        ]
        sizes, places = np.array([self._counts[one] for one, _ in few]), [column for _, column in few]
        together = within[places][:, np.newaxis] + within[places] + 2 * known[:, places].T @ known[:, places]
        follows = (together > 2 - _DETERMINED) & (sizes[:, np.newaxis] + sizes < self._min_rows)
        for first, second in np.argwhere(np.triu(follows, 1)):
            yield from (few[first][0], few[second][0])
