import numpy as np
import pytest
from scipy import stats

from yachay.components.tuner.choice import choose, configured_of
from yachay.components.tuner.race import chance_of_lead
from yachay.components.tuner.record import FoldResult, Source, Trial


def trial(number: int, scores: list[float], source: Source = "random", family: str = "linear") -> Trial:
    folds = tuple(FoldResult(metrics={"auc_ovr": score}, seconds=1.0) for score in scores)
    return Trial(
        number=number,
        source=source,
        family=family,
        hyperparameters={},
        status="completed",
        folds=folds,
        score=float(np.mean(scores)),
    )


CONFIGURED = trial(1, [0.80, 0.82, 0.84, 0.81, 0.83], "configuration")
CLEARLY_BETTER = trial(2, [0.83, 0.84, 0.87, 0.85, 0.85])
BY_CHANCE = trial(3, [0.90, 0.80, 0.85, 0.79, 0.81])


def taken(*trials: Trial, level: float = 0.1) -> tuple[int, int]:
    choice = choose([CONFIGURED, *trials], CONFIGURED, "auc_ovr", True, 5, level)
    assert choice is not None
    return choice.best, choice.taken


def test_the_best_trial_is_taken_where_it_leads_the_configuration_by_more_than_chance() -> None:
    assert taken(CLEARLY_BETTER) == (2, 2)
    assert taken(BY_CHANCE) == (3, 1)
    assert taken(BY_CHANCE, level=0.5) == (3, 3)
    assert taken() == (1, 1)


def test_a_lead_is_judged_by_the_corrected_paired_test() -> None:
    ahead = np.array(CLEARLY_BETTER.scores("auc_ovr")) - np.array(CONFIGURED.scores("auc_ovr"))
    plain = stats.ttest_1samp(ahead, 0, alternative="greater").statistic
    expected = stats.t.sf(plain * np.sqrt((1 / 5) / (1 / 5 + 1 / 4)), 4)

    choice = choose([CONFIGURED, CLEARLY_BETTER], CONFIGURED, "auc_ovr", True, 5, 0.1)

    assert choice is not None
    assert choice.p_value == pytest.approx(expected)
    assert chance_of_lead([1.0, 2.0], [2.0, 4.0], 2, higher_is_better=False) < 0.5
    assert chance_of_lead([1.0, 2.0], [1.0, 2.0], 2, higher_is_better=True) == 1.0


def test_the_configuration_is_that_of_the_configured_family() -> None:
    other = trial(2, [0.9] * 5, "configuration", "svm")

    assert configured_of([CONFIGURED, other], "linear", True) is CONFIGURED
    assert configured_of([CONFIGURED, other], "auto", True) is other
    assert configured_of([BY_CHANCE], "linear", True) is None


def test_without_a_configuration_that_was_completed_the_best_is_taken() -> None:
    choice = choose([BY_CHANCE], None, "auc_ovr", True, 5, 0.1)

    assert choice is not None
    assert (choice.taken, choice.configured, choice.p_value) == (3, None, None)
    assert choose([], None, "auc_ovr", True, 5, 0.1) is None
