"""Which slices are left out, tried by an attacker who solves for each hidden count."""

import itertools
from collections import Counter

import numpy as np
import pytest

from yachay.components.evaluator.suppression import Slice, hidden_slices

from ..subtraction import solved

Record = dict[str, str]


def count(records: list[Record], specs: list[tuple[str, ...]]) -> dict[Slice, int]:
    counts: Counter[Slice] = Counter({frozenset(): len(records)})
    for spec in specs:
        counts.update(frozenset((name, one[name]) for name in spec) for one in records if set(spec) <= set(one))
    return dict(counts)


def one(**values: str) -> Slice:
    return frozenset(values.items())


def test_a_table_without_small_slices_is_shown_whole() -> None:
    assert hidden_slices({frozenset(): 100, one(sex="0"): 60, one(sex="1"): 40}, 10) == frozenset()


def test_beside_one_small_slice_the_next_smallest_is_left_out() -> None:
    counts = {frozenset(): 100, one(age="1"): 60, one(age="2"): 37, one(age="3"): 3}

    assert hidden_slices(counts, 10) == {one(age="2"), one(age="3")}


def test_two_small_slices_that_have_enough_records_together_need_no_third() -> None:
    counts = {frozenset(): 100, one(age="1"): 88, one(age="2"): 6, one(age="3"): 6}

    assert hidden_slices(counts, 10) == {one(age="2"), one(age="3")}


def test_a_few_records_without_a_value_are_a_small_slice_too() -> None:
    counts = {frozenset(): 100, one(age="1"): 60, one(age="2"): 37}

    assert hidden_slices(counts, 10) == {one(age="2")}


def test_a_crossed_slice_cannot_be_had_from_its_margins() -> None:
    counts = {frozenset(): 100, one(a="0"): 50, one(a="1"): 50, one(b="0"): 50, one(b="1"): 50}
    counts |= {one(a="0", b="0"): 45, one(a="0", b="1"): 5, one(a="1", b="0"): 5, one(a="1", b="1"): 45}

    assert hidden_slices(counts, 10) == {part for part in counts if len(part) == 2}


def test_an_attacker_finds_a_slice_that_alone_is_left_out() -> None:
    counts = {frozenset(): 100, one(age="1"): 60, one(age="2"): 37, one(age="3"): 3}

    assert solved(counts, frozenset({one(age="3")}), {"age"}) == [(one(age="3"),)]
    assert solved(counts, frozenset({one(age="3"), one(age="2")}), {"age"}) == []


@pytest.mark.parametrize("seed", range(12))
def test_no_hidden_count_follows_from_those_that_are_shown(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, 3)
    records = []
    for _ in range(int(rng.integers(60, 500))):
        values = {name: str(min(int(rng.geometric(0.4)), size)) for name, size in zip("abc", sizes, strict=True)}
        # Half of the files have missing values.
        records.append({name: value for name, value in values.items() if seed % 2 or rng.random() > 0.02})
    tables = [spec for size in (1, 2, 3) for spec in itertools.combinations("abc", size)]
    specs = [tables[place] for place in sorted(rng.choice(len(tables), 4, replace=False))]
    counts = count(records, specs)

    hidden = hidden_slices(counts, 10)

    assert {part for part, size in counts.items() if size < 10} <= hidden
    complete = {name for name in "abc" if all(name in record for record in records)}
    assert solved(counts, hidden, complete) == []
    pairs = solved(counts, hidden, complete, together=2)
    assert [pair for pair in pairs if sum(counts[part] for part in pair) < 10] == []


def test_the_sum_of_two_small_slices_does_not_follow_either() -> None:
    # Of the first row the last two cells follow from the columns and the second row, so that the first two would too.
    cells = [[3, 4, 6, 6], [50, 50, 6, 6], [8, 8, 50, 50]]
    counts = {one(a=str(row), b=str(column)): cells[row][column] for row in range(3) for column in range(4)}
    small = {part for part, size in counts.items() if size < 10}
    counts |= {one(a=str(row)): sum(cells[row]) for row in range(3)}
    counts |= {one(b=str(column)): sum(row[column] for row in cells) for column in range(4)}
    counts[frozenset()] = sum(map(sum, cells))
    pair = {one(a="0", b="0"), one(a="0", b="1")}

    hidden = hidden_slices(counts, 10)

    assert pair in [set(found) for found in solved(counts, small, {"a", "b"}, together=2)]
    assert pair not in [set(found) for found in solved(counts, hidden, {"a", "b"}, together=2)]


def test_two_thousand_slices_take_little() -> None:
    counts = {one(site=str(place)): 3 + place % 40 for place in range(2000)}
    counts[frozenset()] = sum(counts.values())

    hidden = hidden_slices(counts, 10)

    assert hidden == {part for part, size in counts.items() if size < 10}
