import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from yachay.deployment.evidence import (
    average,
    changed,
    distance,
    distance_margin,
    increased,
    less_than,
    more_than,
    no_worse,
)

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("hits", "trials", "share"), [(0, 10, 0.1), (3, 10, 0.1), (9, 10, 0.5), (40, 200, 0.15)])
def test_an_e_value_is_the_mixture_over_the_likelihood(hits: int, trials: int, share: float) -> None:
    mean = scipy.integrate.quad(lambda p: scipy.stats.binom.pmf(hits, trials, p), share, 1)[0] / (1 - share)
    below = scipy.integrate.quad(lambda p: scipy.stats.binom.pmf(hits, trials, p), 0, share)[0] / share
    expected = scipy.stats.binom.pmf(hits, trials, share)

    assert np.exp(more_than(hits, trials, share)) == pytest.approx(mean / expected, rel=1e-6)
    assert np.exp(less_than(hits, trials, share)) == pytest.approx(below / expected, rel=1e-6)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_an_e_value_has_an_expectation_of_at_most_one_where_the_hypothesis_holds(share: float) -> None:
    hits = np.arange(101)
    chances = scipy.stats.binom.pmf(hits, 100, share)

    assert (chances * np.exp(more_than(hits, 100, share))).sum() == pytest.approx(1)
    assert (chances * np.exp(less_than(hits, 100, share))).sum() == pytest.approx(1)
    assert (scipy.stats.binom.pmf(hits, 100, share * 0.8) * np.exp(more_than(hits, 100, share))).sum() < 1


def test_looking_after_each_request_keeps_the_level() -> None:
    generator = np.random.default_rng(0)
    level, rollouts = 0.05, 400
    is_hit = generator.random((rollouts, 2000)) < 0.01
    is_new = generator.random((rollouts, 2000)) < 0.1
    hits, trials = (is_hit & is_new).cumsum(axis=1), is_new.cumsum(axis=1)
    hits_before, trials_before = (is_hit & ~is_new).cumsum(axis=1), (~is_new).cumsum(axis=1)

    part = trials / (trials + trials_before)
    seen = (is_new.any(axis=1)[:, None]) & (trials > 0) & (trials_before > 0)
    evidence = np.where(seen, more_than(hits, hits + hits_before, np.where(seen, part, 0.5)), -np.inf)

    assert (evidence.max(axis=1) >= -np.log(level)).mean() <= level


def test_shares_that_differ_are_found_and_such_that_do_not_are_not() -> None:
    assert increased(8, 100, 1, 900) > np.log(1000)
    assert increased(1, 100, 9, 900) < np.log(2)
    assert changed([10, 90], 100, [700, 200], 900) > np.log(1000)
    assert changed([80, 20], 100, [720, 180], 900) < np.log(2)


def test_no_worse_wants_evidence_and_not_only_none_against() -> None:
    bar = np.log(20)

    assert no_worse(0, 20, 0, 180, 0.02) < bar
    assert no_worse(0, 400, 0, 3600, 0.02) >= bar
    assert no_worse(40, 2000, 360, 18000, 0.02) >= bar
    assert no_worse(80, 2000, 360, 18000, 0.02) < bar
    found = no_worse([900, 0, 100], 1000, [8100, 0, 0], 9000, [0.1, 0.02, 0.1])
    assert (found >= bar).tolist() == [True, True, False]
    assert no_worse([0, 0], [20, 400], [0, 0], [180, 3600], 0.02).tolist() == [
        no_worse(0, 20, 0, 180, 0.02)[0],
        no_worse(0, 400, 0, 3600, 0.02)[0],
    ]


def test_no_worse_holds_at_its_border() -> None:
    generator = np.random.default_rng(1)
    passed = [
        no_worse(generator.binomial(500, 0.03), 500, generator.binomial(4500, 0.01), 4500, 0.02) >= np.log(20)
        for _ in range(400)
    ]

    assert np.mean(passed) <= 0.05


def test_the_distance_is_the_share_that_would_have_to_move() -> None:
    assert distance({"a": 3, "b": 7}, {"a": 300, "b": 700}) == 0
    assert distance({"a": 10}, {"b": 10}) == 1
    assert distance({"a": 5, "b": 5}, {"a": 9, "c": 1}) == pytest.approx(0.5)


def test_the_margin_covers_the_true_distance() -> None:
    generator = np.random.default_rng(2)
    shares, moved = np.full(10, 0.1), np.array([0.3, *[0.7 / 9] * 9])
    covered = []
    for _ in range(300):
        new, old = generator.multinomial(200, moved), generator.multinomial(1800, shares)
        observed = distance(dict(enumerate(new)), dict(enumerate(old)))
        covered.append(observed + distance_margin(200, 1800, 0.05) >= 0.2)

    assert np.mean(covered) >= 0.95


def test_an_average_of_e_values_is_one() -> None:
    assert average(np.log(np.array([1.0, 3.0]))) == pytest.approx(np.log(2))


def test_an_e_process_is_that_of_a_betting_game_played_request_by_request() -> None:
    """The same number by another way: wealth of a bettor who predicts each hit by those before (Ville; Robbins)."""
    generator = np.random.default_rng(3)
    share = 0.1
    is_hit = generator.random(300) < 0.25
    # With a Beta(1, 1) prior cut at `share`, the chance of a hit is that under the posterior, by numerical integration.
    grid = np.linspace(share, 1, 200_001)
    log_wealth, log_weights = 0.0, np.zeros_like(grid)
    with np.errstate(divide="ignore"):
        for number, hit in enumerate(is_hit.tolist(), 1):
            weights = np.exp(log_weights - log_weights.max())
            chance = scipy.integrate.trapezoid(weights * grid, grid) / scipy.integrate.trapezoid(weights, grid)
            log_wealth += np.log(chance / share) if hit else np.log((1 - chance) / (1 - share))
            log_weights += np.log(grid) if hit else np.log(1 - grid)
            if number % 50 == 0:
                assert more_than(is_hit[:number].sum(), number, share) == pytest.approx(log_wealth, abs=1e-3)


def test_ever_crossing_the_bar_is_as_rare_as_an_exact_calculation_says() -> None:
    """The chance that the evidence ever reaches the bar within 400 requests, by summing over all paths."""
    share, bar, trials = 0.05, np.log(20), 400
    chances, crossed = np.zeros(trials + 2), 0.0
    chances[0] = 1.0
    for number in range(1, trials + 1):
        chances[1:] = chances[1:] * (1 - share) + chances[:-1] * share
        chances[0] *= 1 - share
        is_over = more_than(np.arange(number + 1), number, share) >= bar
        crossed += chances[: number + 1][is_over].sum()
        chances[: number + 1][is_over] = 0.0

    generator = np.random.default_rng(4)
    hits = (generator.random((4000, trials)) < share).cumsum(axis=1)
    simulated = (more_than(hits, np.arange(1, trials + 1), share).max(axis=1) >= bar).mean()

    assert 0 < crossed <= 1 / 20
    assert simulated == pytest.approx(crossed, abs=4 * np.sqrt(crossed / 4000))
