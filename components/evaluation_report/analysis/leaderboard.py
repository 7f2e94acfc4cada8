"""The leaderboard: the candidate beside the last blessed model, other families, no model at all, and the published."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...evaluator.scores import classification_metrics, regression_metrics
from ...features import Problem
from ..report import LeaderboardRow, Text
from ..settings import Anchor
from .resampling import Values, finite

VALIDATION = Text(
    en="On the trainer's validation part of the train split, not on the records of the others.",
    es="En la parte de validación del conjunto de entrenamiento, no en los registros de los demás.",
)
EXPECTATION = Text(
    en="Expected value of answers drawn with the shares of the classes in the train split.",
    es="Valor esperado de respuestas al azar con las proporciones de las clases del conjunto de entrenamiento.",
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
        trivial: sequence of `LeaderboardRow`, as `trivial_classifiers` or `mean_answer` give them.
        anchors: sequence of `Anchor`.
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
    rows += [LeaderboardRow(kind="anchor", **anchor.model_dump()) for anchor in anchors]
    return tuple(rows)


def trivial_classifiers(labels: Values, num_classes: int, train_shares: Values) -> list[LeaderboardRow]:
    """Returns the metrics of the class most frequent in training, and of answers drawn with the shares of the classes.

    Args:
        labels: int array of shape `(N,)`.
        num_classes: int.
        train_shares: float array of shape `(num_classes,)`. Shares of the classes in training.
    """
    majority = np.zeros((len(labels), num_classes))
    majority[:, train_shares.argmax()] = 1.0
    shares = np.bincount(labels, minlength=num_classes) / len(labels)
    occurs = shares + train_shares > 0
    f1 = 2 * shares[occurs] * train_shares[occurs] / (shares[occurs] + train_shares[occurs])
    drawn = {"accuracy": float(shares @ train_shares), "macro_f1": float(f1.mean()), "auc_ovr": 0.5}
    return [
        LeaderboardRow(
            name="majority_class", kind="trivial", metrics=_finite(classification_metrics(labels, majority))
        ),
        LeaderboardRow(name="stratified_random", kind="trivial", metrics=_finite(drawn), caveat=EXPECTATION),
    ]


def mean_answer(labels: Values, train_mean: float) -> list[LeaderboardRow]:
    """Returns the metrics of always answering the mean of the training labels."""
    metrics = regression_metrics(labels, np.full(len(labels), train_mean))
    return [LeaderboardRow(name="mean", kind="trivial", metrics=_finite(metrics))]


def trivial(problem: Problem, labels: Values, num_classes: int, train_labels: Values | float) -> list[LeaderboardRow]:
    """Returns the lines of no model at all, from the shares or the mean of the training labels."""
    if problem is Problem.CLASSIFICATION:
        return trivial_classifiers(labels, num_classes, np.asarray(train_labels))
    return mean_answer(labels, float(train_labels))


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: finite(value) for name, value in metrics.items()}
