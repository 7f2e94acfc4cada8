"""What the simplest predictions reach, which family is worth its while, and from which score on a model is blessed.

Three baselines predict rows that they have not seen: the best constant, a small tree of the best column, a linear
model of all columns. Beside them stand gradient-boosted trees and their mean with the linear model. The metric that
decides is the AUC (one class against the rest) of a classification, R² of a regression: neither rewards a constant.

- A family is taken that beats the linear model by more than chance on the same rows: the difference of both, in
  resamples of the rows (of the groups or periods where the split is by them), is above 0 by `Z` standard errors. Of the
  trees and the mean, the mean only if it beats the trees so. Where none does, the linear model is the family: it is as
  good and simpler.
- A model is blessed from the score on that the best constant and the best column reach plus `Z` standard errors, those
  of the baseline's own score and of a score on as few records as the split `eval` has: at 1.645, a model that is no
  better gets there once in 20 times. Of a family that beats the linear model, the linear model's score is asked
  as well.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...components.evaluator.metric import Metric, bind
from ...components.features import Problem
from .power import Powers

Z = 1.645
NUM_RESAMPLES = 200
LEAD = {Problem.CLASSIFICATION: "auc_ovr", Problem.REGRESSION: "r2"}
MIN_ROWS = 60

LINEAR, TREES, MEAN = "linear", "trees", "mean"


@dataclasses.dataclass(frozen=True)
class Baselines:
    """What the simplest predictions reach.

    Args:
        metric: string. Name of the metric that decides.
        best_column: string. The column that alone predicts best.
        scores: dict of `"constant"`, `"column"`, `"linear"`, `"trees"` and `"mean"` to the metric.
        family: string. `LINEAR`, `TREES` or `MEAN`: which is worth its while.
        are_deep: bool. Whether trees of any depth are better than shallow ones by more than chance.
        lower: float. The score from which on a model is blessed.
        reason: string. Why, in words.
    """

    metric: str
    best_column: str
    scores: dict[str, float]
    family: str
    are_deep: bool
    lower: float
    reason: str


def judge_baselines(
    powers: Powers, inputs: Sequence[str], scores: dict[str, float], metric: Metric, num_eval: int
) -> Baselines | None:
    """Returns what the simplest predictions reach; None where there are too few rows to say.

    Args:
        powers: `Powers`.
        inputs: sequence of strings. The columns that are features.
        scores: dict of column to what it alone reaches.
        metric: `Metric`. The one that decides.
        num_eval: int. How many records the split `eval` will have.
    """
    if len(powers.labels) < MIN_ROWS or not powers.can_judge or not inputs:
        return None
    best = max(inputs, key=lambda name: (scores[name], name))
    weights = np.vstack([np.ones(len(powers.labels)), _resamples(powers.clusters)])

    def measure(predictions: np.ndarray) -> np.ndarray:
        return bind(metric, powers.labels, predictions)(weights)

    linear, trees = powers.linear(inputs), powers.trees(inputs)
    are_deep = False
    if powers.problem is Problem.REGRESSION:
        deep = powers.deep_trees(inputs)
        are_deep = _is_better(measure(deep), measure(trees))
        trees = deep if are_deep else trees
    predictions = {
        "constant": powers.constant(),
        "column": powers.single(best),
        LINEAR: linear,
        TREES: trees,
        MEAN: (linear + trees) / 2,
    }
    values = {name: measure(found) for name, found in predictions.items()}
    family = LINEAR
    if _is_better(values[TREES], values[LINEAR]):
        family = TREES
    if _is_better(values[MEAN], values[family]):
        family = MEAN
    # Of the sample's score, and of one on the records of `eval`.
    growth = np.sqrt(1 + len(powers.labels) / max(num_eval, 1))
    # A useless model's score varies, a constant's does not.
    useless = measure(np.random.default_rng(0).permutation(linear))
    noise = {"constant": np.nanstd(useless[1:]), "column": np.nanstd(values["column"][1:])}
    bounds = {name: values[name][0] + Z * growth * error for name, error in noise.items()}
    reasons = {
        "constant": f"a constant reaches {values['constant'][0]:.3f}",
        "column": f"{best} alone reaches {values['column'][0]:.3f}",
    }
    if len(inputs) == 1:
        del bounds["column"], reasons["column"]  # Every model is one of this column.
    reasons = {name: f"{reason}, and {bounds[name]:.3f} by chance" for name, reason in reasons.items()}
    if family != LINEAR:
        bounds[LINEAR] = values[LINEAR][0]
        reasons[LINEAR] = (
            f"a linear model reaches {values[LINEAR][0]:.3f}, {family_words(family)} {values[family][0]:.3f}"
        )
    highest = max(bounds, key=lambda name: float(bounds[name]))
    # Half of the way to a perfect score is asked at most, so that there is one that suffices.
    most = (values[highest][0] + (1.0 if metric.highest is None else metric.highest)) / 2
    return Baselines(
        metric.name,
        best,
        {name: float(value[0]) for name, value in values.items()},
        family,
        are_deep,
        float(min(bounds[highest], most)),
        reasons[highest],
    )


def family_words(family: str) -> str:
    """Returns the name of a family in words."""
    return {LINEAR: "a linear model", TREES: "trees", MEAN: "trees and a linear model together"}[family]


def _is_better(values: np.ndarray, others: np.ndarray) -> bool:
    """Returns whether the first of the values is above the other's by more than chance; the rest are resamples."""
    differences = values - others
    return bool(differences[0] > Z * np.nanstd(differences[1:]) > 0)


def _resamples(clusters: np.ndarray) -> np.ndarray:
    """Returns how often each row counts in each resample of the clusters, of shape `(R, N)`."""
    num_clusters = int(clusters.max()) + 1
    shares = np.full(num_clusters, 1 / num_clusters)
    draws = np.random.default_rng(0).multinomial(num_clusters, shares, size=NUM_RESAMPLES)
    return draws[:, clusters].astype(np.float64)
