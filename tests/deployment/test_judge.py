import math

import pytest

from yachay.deployment.canary import CanarySettings
from yachay.deployment.judge import judge, population_stability_index
from yachay.deployment.prometheus import Traffic


def test_the_stability_index_is_that_of_the_textbook() -> None:
    expected = {"low": 20_000.0, "middle": 50_000.0, "high": 30_000.0}
    actual = {"low": 30_000.0, "middle": 40_000.0, "high": 30_000.0}

    index = population_stability_index(expected, actual)

    by_hand = (0.3 - 0.2) * math.log(0.3 / 0.2) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert index == pytest.approx(by_hand, abs=1e-4)


def test_the_same_shares_have_no_distance() -> None:
    assert population_stability_index({"a": 10, "b": 30}, {"a": 10, "b": 30}) == 0


def test_a_class_that_vanished_is_far_but_finite() -> None:
    index = population_stability_index({"a": 500, "b": 500}, {"a": 1000})

    assert 0.25 < index < math.inf


def test_classes_are_compared_only_where_both_sides_have_enough() -> None:
    few = Traffic(100, 0, 0.01, {"a": 3})
    many = Traffic(1000, 0, 0.01, {"b": 1000})

    assert judge(few, many, CanarySettings(min_requests=50)) == []


def test_everything_that_speaks_against_it_is_named() -> None:
    bad = Traffic(100, 50, 2.0, {"a": 100})
    good = Traffic(100, 0, 0.01, {"b": 100})

    assert len(judge(bad, good, CanarySettings())) == 3
