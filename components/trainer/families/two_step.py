"""Two steps: a regression of the number that the classes are a cut of, then the chance of each class by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from ....errors import ModelError
from ...features import FeatureKind, Problem
from ...prediction_task import Label
from ...settings import Settings, describe, require_known
from ...text import Text
from ..family import Family, FittedModel, load_families
from ..target import Target

if TYPE_CHECKING:
    import tensorflow as tf

    from ..table import Table

HELD_SHARE = 0.2
SMALLEST_SPREAD = 1e-6
"""The least spread of what the regression misses, as a share of that of the number."""


class TwoStepHyperparameters(Settings):
    """A regression of the number that the classes are a cut of (`label.cut_of`).

    Args:
        family: string. The model family of the regression, one whose training does not look at a validation part.
        hyperparameters: dict. Those of that family, the defaults where absent.
    """

    family: str = "linear"
    hyperparameters: dict[str, Any] = Field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Cut:
    """The chance of each class by a predicted number.

    What the regression misses is taken as normal, and the labels off the cut as drawn at random.

    Args:
        direction: int. 1 where the number rises with the class, -1 where it falls.
        ends: float array `(K - 1,)`, ascending. A row is of class `k` or one before where `direction * number` is at
            most `ends[k]`.
        spread: float. The standard deviation of what the regression misses.
        at_random: float in [0, 1]. The share of labels at random.
        shares: float array `(K,)`. The share of each class.
    """

    direction: int
    ends: NDArray[np.float64]
    spread: float
    at_random: float
    shares: NDArray[np.float64]

    @classmethod
    def fit(cls, number: NDArray[np.float64], known: Table, held: Table) -> Cut:
        """Returns the ends that divide the classes of `known` best, and what is off them in `held`.

        Args:
            number: array. What the regression predicts of `held`.
            known: `Table`.
            held: `Table`. Rows that the regression has not seen.
        """
        from scipy.optimize import minimize_scalar

        true = _number_of(known)
        direction = -1 if np.cov(true, known.labels)[0, 1] < 0 else 1
        shares = np.bincount(known.labels, minlength=known.num_classes) / len(known)
        ends = find_ends(direction * true, known.labels, known.num_classes)
        least = SMALLEST_SPREAD * (float(true.std()) or 1.0)
        spread = float(np.sqrt(np.mean((_number_of(held) - number) ** 2)))
        cut = cls(direction, ends, max(spread, least), 0.0, shares)
        scores = np.asarray(cut(number))[np.arange(len(held)), held.labels]
        chance = shares[held.labels]

        def loss(at_random: float) -> float:
            return -float(np.log(np.maximum((1 - at_random) * scores + at_random * chance, 1e-12)).mean())

        at_random = float(minimize_scalar(loss, bounds=(0, 1), method="bounded").x)
        return dataclasses.replace(cut, at_random=at_random)

    def __call__(self, number: tf.Tensor) -> tf.Tensor:
        """Returns the scores `(N, K)` of predicted numbers `(N,)`, `float64` both."""
        import tensorflow as tf

        away = (self.ends - self.direction * number[:, tf.newaxis]) / self.spread
        up_to = tf.pad(0.5 * tf.math.erfc(-away / np.sqrt(2)), [[0, 0], [0, 1]], constant_values=1.0)
        scores = up_to - tf.pad(up_to[:, :-1], [[0, 0], [1, 0]])
        return (1 - self.at_random) * scores + self.at_random * self.shares


def find_ends(numbers: NDArray[np.float64], labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    """Returns for each class but the last the number that leaves the fewest rows on the wrong side, ascending.

    It lies midway between two rows, and is infinite where all rows are on one side.
    """
    order = np.argsort(numbers, kind="stable")
    edges, last = np.unique(numbers[order], return_index=True)
    between = np.concatenate([[-np.inf], (edges[:-1] + edges[1:]) / 2, [np.inf]])
    ends = []
    for k in range(num_classes - 1):
        is_up_to = labels[order] <= k
        # Rows beyond class k below each place, and rows up to it above.
        wrong_below = np.append(0, np.cumsum(~is_up_to))
        wrong_above = np.append(np.cumsum(is_up_to[::-1])[::-1], 0)
        ends.append(between[np.argmin((wrong_below + wrong_above)[np.append(last, len(order))])])
    return np.maximum.accumulate(np.array(ends))


def fit(train: Table, validation: Table | None, hyperparameters: TwoStepHyperparameters, seed: int) -> FittedTwoStep:
    """Returns a regression of the number behind the classes, of the rows of `train` where it is known, and a cut.

    The number is seen in training only. How far the regression is off is learned from a part of the rows that it has
    not seen, divided as the split of the data is; it is then fitted to all.

    Raises:
        ModelError: if no row has such a number.
        DataError: if the rows are too few for that part.
    """
    is_known = np.isfinite(_number_of(train))
    if not is_known.any():
        raise ModelError(
            "Expected training rows with the number that the classes are a cut of, `label.cut_of`. Received: none. "
            "Name a column that the data has, or choose another family."
        )
    family = load_families()[hyperparameters.family]
    settings = family.resolve(hyperparameters.hyperparameters)
    known = train.take(np.flatnonzero(is_known))
    rest, held = known.split(HELD_SHARE, seed)
    number = _predict(family.fit(_as_regression(rest), None, settings, seed), held.features)
    cut = Cut.fit(number, known, held)
    return FittedTwoStep(family.fit(_as_regression(known), None, settings, seed), cut)


class FittedTwoStep:
    """A regression, and the chances of classes by what it predicts.

    Args:
        regression: `FittedModel` of a number.
        cut: `Cut`.
    """

    def __init__(self, regression: FittedModel, cut: Cut) -> None:
        self._regression = regression
        self._cut = cut

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """Those of the regression; a cut is a few constants."""
        return self._regression.variables

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the chances by the library's own numbers."""
        return np.asarray(self._cut(_predict(self._regression, features)), np.float32)

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the chances by the numbers of the regression's tensors."""
        import tensorflow as tf

        numbers = tf.cast(self._regression.scores(features)[:, 0], tf.float64)
        return tf.cast(self._cut(numbers), tf.float32)


def check(
    hyperparameters: TwoStepHyperparameters, features: Mapping[str, FeatureKind], num_classes: int
) -> Iterator[str]:
    """Yields what does not fit the family of the regression."""
    families = {
        name: family
        for name, family in load_families().items()
        if family.can_predict(Problem.REGRESSION, Label(name="number")) and not family.needs_validation
    }
    try:
        require_known("family", hyperparameters.family, families)
    except ValueError as error:
        yield str(error)
        return
    family = families[hyperparameters.family]
    try:
        settings = family.hyperparameters.model_validate(hyperparameters.hyperparameters)
    except ValidationError as error:
        for line in describe(error, family.hyperparameters):
            yield f"hyperparameters.{line.removeprefix('  - ')}"
        return
    for line in family.check(settings, features, 0):
        yield f"hyperparameters.{line}"


FAMILIES = [
    Family(
        name="two_step",
        title=Text(en="regression, then a cut", es="regresión y después un corte"),
        hyperparameters=TwoStepHyperparameters,
        fit=fit,
        problems=frozenset({Problem.CLASSIFICATION}),
        check=check,
        needs_cut=True,
        space={"family": ["linear", "svm", "boosted_trees", "xgboost"]},
        trains_in_tensorflow=False,
    )
]


def _number_of(table: Table) -> NDArray[np.float64]:
    """Returns the number that the classes are a cut of, `(N,)`, NaN where it is missing."""
    return np.full(len(table), np.nan) if table.cut_of is None else table.cut_of.astype(np.float64)


def _as_regression(table: Table) -> Table:
    """Returns a table whose label is that number."""
    return dataclasses.replace(table, labels=_number_of(table).astype(np.float32), target=Target(), cut_of=None)


def _predict(regression: FittedModel, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    return np.asarray(regression.predict(features), np.float64)[:, 0]
