"""Rates of groups, and the gaps between them."""

from typing import Any

import numpy as np
import pytest

from yachay.components.evaluation_report.analysis.fairness import fairness
from yachay.components.evaluation_report.analysis.predictions import Column
from yachay.components.evaluation_report.analysis.resampling import Resamples
from yachay.components.evaluation_report.analysis.slices import hidden_parts
from yachay.components.evaluation_report.report import Fairness

N = 600


@pytest.fixture(scope="module")
def records() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    sex = rng.integers(0, 2, N)
    labels = (rng.random(N) < 0.3 + 0.1 * sex).astype(np.int64)
    predicted = np.where(rng.random(N) < 0.8, labels, 1 - labels)
    predicted[sex == 1] |= rng.random((sex == 1).sum()) < 0.2
    age = np.where(np.arange(N) < 7, 2, rng.integers(0, 2, N))
    columns = {"sex": Column(("0", "1"), sex), "age": Column(("<20", "20-<23", ">=23"), age)}
    return {"columns": columns, "labels": labels, "predicted": predicted}


def compare(records: dict[str, Any], names: list[str], **others: Any) -> list[Fairness]:
    arguments = {"classes": {"no": 0, "yes": 1}, "resamples": Resamples(N, 300, 1), "min_rows": 10} | others
    given = records | arguments
    hidden = hidden_parts(given["columns"], N, (), names, (), given["min_rows"])
    return list(fairness(names=names, hidden=hidden, **given))


def test_the_rates_of_a_group_are_those_of_its_records(records: dict[str, Any]) -> None:
    [_, yes] = compare(records, ["sex"])

    for code, group in enumerate(yes.groups):
        inside = records["columns"]["sex"].codes == code
        actual, selected = records["labels"][inside] == 1, records["predicted"][inside] == 1
        assert (group.group, group.rows, group.positives) == ({"sex": str(code)}, inside.sum(), actual.sum())
        assert {name: rate.value for name, rate in group.rates.items()} == pytest.approx(
            {
                "selection_rate": selected.mean(),
                "true_positive_rate": selected[actual].mean(),
                "false_positive_rate": selected[~actual].mean(),
                "precision": actual[selected].mean(),
                "base_rate": actual.mean(),
            }
        )
        assert all(rate.low < rate.value < rate.high for rate in group.rates.values())  # type: ignore[operator]


def test_gap_and_ratio_are_of_the_largest_and_the_smallest_rate(records: dict[str, Any]) -> None:
    [_, yes] = compare(records, ["sex"])
    low, high = sorted(group.rates["selection_rate"].value or 0 for group in yes.groups)

    assert yes.gaps["selection_rate"].value == pytest.approx(high - low)
    assert yes.ratios["selection_rate"].value == pytest.approx(low / high)
    assert yes.gaps["selection_rate"].low < high - low < yes.gaps["selection_rate"].high  # type: ignore[operator]


def test_a_gap_that_is_noise_has_an_interval_around_zero(records: dict[str, Any]) -> None:
    coin = Column(("heads", "tails"), np.random.default_rng(0).integers(0, 2, N))

    [_, yes] = compare({**records, "columns": {"coin": coin}}, ["coin"])

    assert yes.gaps["base_rate"].low < 0 < yes.gaps["base_rate"].high  # type: ignore[operator]


def test_a_small_group_and_the_one_beside_it_are_left_out_and_enter_no_gap(records: dict[str, Any]) -> None:
    codes = np.where(np.arange(N) < 7, 3, np.arange(N) % 3)
    column = Column(("1", "2", "3", "4"), codes)

    [_, yes] = compare({**records, "columns": {"age": column}}, ["age"])

    hidden = [group for group in yes.groups if group.is_suppressed]
    assert [(group.rows, group.rates, group.positives) for group in hidden] == [(None, {}, None)] * 2
    rates = [group.rates["base_rate"].value or 0 for group in yes.groups if not group.is_suppressed]
    assert yes.gaps["base_rate"].value == pytest.approx(max(rates) - min(rates))


def test_a_rate_of_fewer_than_ten_records_is_not_shown(records: dict[str, Any]) -> None:
    labels = np.zeros(N, np.int64)
    labels[:30] = 1
    columns = {"g": Column(("a", "b"), (np.arange(N) >= 24).astype(np.int64))}

    [yes] = compare({**records, "columns": columns, "labels": labels}, ["g"], classes={"yes": 1})

    first, second = yes.groups
    assert "false_positive_rate" not in first.rates
    assert "true_positive_rate" not in second.rates
    assert "true_positive_rate" not in yes.gaps
    assert "selection_rate" in yes.gaps


def test_each_pair_of_columns_is_crossed(records: dict[str, Any]) -> None:
    found = compare(records, ["sex", "age", "shoe_size"], classes={"yes": 1})

    assert [one.columns for one in found] == [("sex",), ("age",), ("sex", "age")]
    assert found[2].groups[0].group == {"sex": "0", "age": "<20"}


def test_a_pair_without_two_groups_that_may_be_shown_is_left_out(records: dict[str, Any]) -> None:
    found = compare(records, ["sex", "age"], classes={"yes": 1}, min_rows=250)

    assert [one.columns for one in found] == [("sex",), ("age",)]
