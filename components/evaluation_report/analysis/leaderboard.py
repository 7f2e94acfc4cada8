"""The leaderboard: the candidate beside the last blessed model, other families, no model at all, and the published."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...evaluator.metric import Metric, measure
from ...evaluator.statistics import Labels, Values
from ...text import Text
from ..report import LeaderboardRow
from ..settings import Anchor
from .resampling import finite

VALIDATION = Text(
    en="On the trainer's validation part of the train split, not on the records of the others.",
    es="En la parte de validación del conjunto de entrenamiento, no en los registros de los demás.",
)
MAX_DRAWS = 200
_DRAWN_LABELS = 500_000
MIN_DRAWS = 5
DRAWN = Text(
    en="Mean over predictions drawn at random with the shares of the classes in the train split.",
    es="Media de predicciones al azar con las proporciones de las clases del conjunto de entrenamiento.",
)


def leaderboard(
    family: str,
    metrics: Mapping[str, float | None],
    baseline: Mapping[str, float | None] | None,
    families: Sequence[Mapping[str, Any]],
    trivial: Sequence[LeaderboardRow],
    anchors: Sequence[Anchor],
) -> tuple[LeaderboardRow, ...]:
    """Returns the lines of the leaderboard.

    Args:
        family: string. Family of the candidate.
        metrics: mapping of metric to the candidate's value.
        baseline: likewise of the last blessed model, or None.
        families: sequence of the lines of the trainer's leaderboard; the candidate's own, on the validation part, too.
        trivial: sequence of `LeaderboardRow`, as `trivial_classifiers` or `constant_predictions` return them.
        anchors: sequence of `Anchor`. The reference results.
    """
    rows = [LeaderboardRow(name=family, kind="candidate", metrics=dict(metrics))]
    if baseline:
        rows.append(LeaderboardRow(name="baseline", kind="baseline", metrics=dict(baseline)))
    rows += [
        LeaderboardRow(
            name=line["family"], kind="family", metrics=line["metrics"], records="validation", caveat=VALIDATION
        )
        for line in families
    ]
    rows += trivial
    rows += [LeaderboardRow(kind="anchor", **anchor.model_dump(exclude={"task"})) for anchor in anchors]
    return tuple(rows)


def trivial_classifiers(metrics: Mapping[str, Metric], labels: Labels, train_shares: Values) -> list[LeaderboardRow]:
    """Returns the metrics of the class most frequent in training, and of classes drawn with their shares in training.

    Args:
        metrics: mapping of name to `Metric`.
        labels: int array of shape `(N,)`.
        train_shares: float array of shape `(K,)`. Shares of the classes in training.
    """
    one_hot = np.eye(len(train_shares))
    majority = measure(metrics, labels, one_hot[np.full(len(labels), train_shares.argmax())])
    generator = np.random.default_rng(0)
    drawn = [
        measure(metrics, labels, one_hot[generator.choice(len(train_shares), len(labels), p=train_shares)])
        for _ in range(int(np.clip(_DRAWN_LABELS // len(labels), MIN_DRAWS, MAX_DRAWS)))
    ]
    means = {name: float(np.mean([values[name] for values in drawn])) for name in metrics}
    return [
        LeaderboardRow(name="majority_class", kind="trivial", metrics=_finite(majority)),
        LeaderboardRow(name="stratified_random", kind="trivial", metrics=_finite(means), caveat=DRAWN),
    ]


def constant_predictions(
    metrics: Mapping[str, Metric], labels: Values, shape: tuple[int, ...], train_mean: float, train_quantiles: Values
) -> list[LeaderboardRow]:
    """Returns the metrics of always predicting the mean, or the quantiles, of the training labels.

    Args:
        metrics: mapping of name to `Metric`.
        labels: float array of shape `(N,)` or `(N, H)`.
        shape: tuple of ints. The shape of predictions.
        train_mean: float.
        train_quantiles: float array of shape `(Q,)`, as the task asks for; empty where it asks for numbers.
    """
    name, constant = ("quantiles", train_quantiles) if len(train_quantiles) else ("mean", np.array(train_mean))
    values = measure(metrics, labels, np.broadcast_to(constant, shape))
    return [LeaderboardRow(name=name, kind="trivial", metrics=_finite(values))]


def baseline_predictions(
    metrics: Mapping[str, Metric], labels: Values, shape: tuple[int, ...], baselines: Mapping[str, Values]
) -> list[LeaderboardRow]:
    """Returns the metrics of the columns that hold what baselines predict, over the records where they do.

    Args:
        metrics: mapping of name to `Metric`.
        labels: float array of shape `(N,)` or `(N, H)`.
        shape: tuple of ints. The shape of predictions; a baseline's number stands for every quantile.
        baselines: mapping of name to float array of the labels' shape.
    """
    rows = []
    for name, values in baselines.items():
        known = np.flatnonzero(np.isfinite(values.reshape(len(values), -1)).all(axis=1))
        if not len(known):
            continue
        part = values[known]
        spread = np.broadcast_to(part[..., None], (len(known), *shape[1:])) if len(shape) > labels.ndim else part
        rows.append(LeaderboardRow(name=name, kind="trivial", metrics=_finite(measure(metrics, labels[known], spread))))
    return rows


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: finite(value) for name, value in metrics.items()}
