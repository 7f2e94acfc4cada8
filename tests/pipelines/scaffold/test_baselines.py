import numpy as np
import pyarrow as pa
import pytest

from yachay.components.evaluator.metric import load_metrics
from yachay.components.features import FeatureKind, Problem
from yachay.pipelines.scaffold.baselines import LINEAR, MEAN, TREES, Baselines, judge_baselines
from yachay.pipelines.scaffold.power import Powers, measure_powers

pytestmark = pytest.mark.integration

NUM_ROWS = 1_500


def powers_of(score: np.ndarray, columns: dict[str, np.ndarray], problem: Problem) -> Powers:
    labels = (score > np.median(score)).astype(int) if problem is Problem.CLASSIFICATION else score
    kinds = dict.fromkeys(columns, FeatureKind.NUMERIC)
    return measure_powers({name: pa.array(column) for name, column in columns.items()}, labels, problem, kinds, {})


def judge(powers: Powers, num_eval: int = 300) -> Baselines:
    metric = load_metrics()["r2" if powers.problem is Problem.REGRESSION else "auc_ovr"]
    scores = {name: powers.score(powers.single(name)) for name in powers.inputs}
    found = judge_baselines(powers, list(scores), scores, metric, num_eval)
    assert found is not None
    return found


@pytest.fixture(scope="module", params=[Problem.CLASSIFICATION, Problem.REGRESSION])
def problem(request: pytest.FixtureRequest) -> Problem:
    return Problem(request.param)


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    return {name: chance.normal(size=NUM_ROWS) for name in "abc"}


def test_a_linear_relation_takes_the_linear_family(columns: dict[str, np.ndarray], problem: Problem) -> None:
    score = columns["a"] + columns["b"] / 2 + np.random.default_rng(1).normal(size=NUM_ROWS)

    found = judge(powers_of(score, columns, problem))

    assert found.family == LINEAR
    assert found.best_column == "a"
    assert found.scores["column"] < found.lower
    assert found.reason.startswith("a alone reaches")


def test_the_only_column_is_no_bound_for_a_model_of_it(columns: dict[str, np.ndarray], problem: Problem) -> None:
    score = columns["a"] + np.random.default_rng(1).normal(size=NUM_ROWS)

    found = judge(powers_of(score, {"a": columns["a"]}, problem))

    assert found.lower < found.scores[found.family]
    assert found.reason.startswith("a constant reaches")


def test_what_no_line_fits_takes_another_family_that_must_reach_the_linear_score(
    columns: dict[str, np.ndarray], problem: Problem
) -> None:
    score = columns["a"] * columns["b"] + columns["c"] + 0.3 * np.random.default_rng(1).normal(size=NUM_ROWS)

    found = judge(powers_of(score, columns, problem))

    assert found.family in (TREES, MEAN)
    assert found.scores[found.family] > found.lower >= found.scores[LINEAR]


@pytest.mark.slow
def test_chance_gets_to_the_bound_once_in_twenty_times(problem: Problem) -> None:
    chance = np.random.default_rng(0)
    # As few records are judged as the sample has, so that its noise counts twice.
    bounds, fresh = [], []
    for _ in range(40):
        noise = {"a": chance.normal(size=200)}
        found = judge(powers_of(chance.normal(size=200), noise, problem), num_eval=200)
        again = powers_of(chance.normal(size=200), noise, problem)
        bounds.append(found.lower)
        fresh.append(judge(again).scores["column"])

    assert np.mean(np.array(fresh) >= np.array(bounds)) <= 0.15


def test_fewer_records_to_judge_by_raise_the_bound(columns: dict[str, np.ndarray], problem: Problem) -> None:
    powers = powers_of(columns["a"] + np.random.default_rng(1).normal(size=NUM_ROWS), columns, problem)

    assert judge(powers, num_eval=50).lower > judge(powers, num_eval=5_000).lower


def test_a_few_rows_have_no_baselines() -> None:
    powers = powers_of(np.arange(40.0), {"a": np.arange(40.0)}, Problem.REGRESSION)

    assert judge_baselines(powers, ["a"], {"a": 1.0}, load_metrics()["r2"], 8) is None
