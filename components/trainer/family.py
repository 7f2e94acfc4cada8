"""Model families: what a family is to the rest of the library, and all of them by name.

    class Hyperparameters(Settings):
        window_hours: int = 24

    def fit(train, validation, hyperparameters, seed):
        ...  # heavy imports go in here
        return FittedSeasonalMean(...)

    FAMILIES = [
        Family(
            "seasonal_mean", Text(en="seasonal mean", es="media estacional"), Hyperparameters, fit,
            problems=frozenset({Problem.FORECAST}),
        )
    ]

A module of `yachay.components.trainer.families`, a module that an entry point of the group `yachay.families` names, or
a system's own `model.py` lists families so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import ConfigurationError
from ..features import FeatureKind, Problem
from ..prediction_task import Label, PredictionTask
from ..registry import Registry
from ..settings import Settings, check_settings
from ..text import Text

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    from numpy.typing import NDArray

    from .table import Table

AUTO = "auto"


class FittedModel(Protocol):
    """A trained model, in the library that trained it and in TensorFlow.

    Both give scores of the shape `(N, K)` for `K` classes, `(N, 1)` for a number, `(N, H)` for `H` steps, and `(N, Q)`
    or `(N, H, Q)` for `Q` quantiles, which ascend.
    """

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The variables that `scores` reads, for the export to track."""

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the library's own scores of transformed features, each `(N,)` or a sequence `(N, steps)`."""

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores of transformed features, in TensorFlow operations only."""


@dataclasses.dataclass(frozen=True)
class Family:
    """A kind of model.

    Args:
        name: string. How a configuration calls it.
        title: `Text`. How the page calls it, in lower case.
        hyperparameters: subclass of `Settings`, each field with a default.
        fit: function of `train` (`Table`), `validation` (`Table` or None), `hyperparameters` and `seed` that returns a
            `FittedModel`.
        problems: frozenset of `Problem`. What it can predict. Defaults to all.
        predicts_quantiles: bool. Whether it can predict quantiles of a number. Defaults to False.
        rounds: string or None. The hyperparameter that training goes on for: epochs, or trees. Defaults to None.
        needs_validation: bool. Whether training itself looks at the validation part (early stopping); a family that
            does not is trained again on all rows once it is chosen. Defaults to False.
        uses_gpu: bool. Whether training runs on a GPU where there is one. Defaults to False.
        supports_multiple_gpus: bool. Whether it divides training between several. Defaults to False.
        check: function of hyperparameters, `{feature: FeatureKind}` and the number of classes (0 for numbers) that
            yields what of them does not fit the others, each as `hyperparameter: what was expected and received`.
            Defaults to nothing.
        uses_weights: bool. Whether `fit` lets each row count as much as `train.weights` says, which class weights and
            mixup need. Defaults to False.
        needs_order: bool. Whether it predicts classes with an order only (`label.ordered`). Defaults to False.
        needs_cut: bool. Whether it predicts only classes that are a cut of a number (`label.cut_of`). Defaults to
            False.
        space: mapping of hyperparameter to the values that a search goes through where the configuration names none,
            each as `tune.spaces` has it: `{min, max}` or a list. Defaults to none.
        influences: mapping of hyperparameter to the problems on which it has an influence, so that a search leaves it
            alone on others. Defaults to all on all.
        trains_in_tensorflow: bool. Whether its results may depend on the number of TensorFlow's threads, so that a
            cross-validation gives it processes of their own with one. Defaults to True.
    """

    name: str
    title: Text
    hyperparameters: type[Settings]
    fit: Callable[[Table, Table | None, Any, int], FittedModel]
    problems: frozenset[Problem] = frozenset(Problem)
    predicts_quantiles: bool = False
    rounds: str | None = None
    needs_validation: bool = False
    uses_gpu: bool = False
    supports_multiple_gpus: bool = False
    check: Callable[[Any, Mapping[str, FeatureKind], int], Iterable[str]] = lambda *_: ()
    uses_weights: bool = False
    needs_order: bool = False
    needs_cut: bool = False
    space: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    influences: Mapping[str, frozenset[Problem]] = dataclasses.field(default_factory=dict)
    trains_in_tensorflow: bool = True

    def can_predict(self, problem: Problem, label: Label) -> bool:
        """Returns whether it can predict what is asked for."""
        has_all = [
            self.predicts_quantiles or not label.quantiles,
            label.ordered or not self.needs_order,
            label.cut_of is not None or not self.needs_cut,
        ]
        return problem in self.problems and all(has_all)

    def of_problem(self, problem: Problem) -> Family:
        """Returns the family with a space of what has an influence on a problem."""
        idle = {name for name, problems in self.influences.items() if problem not in problems}
        return dataclasses.replace(self, space={name: given for name, given in self.space.items() if name not in idle})

    def resolve(self, given: Mapping[str, Any]) -> Any:
        """Returns its hyperparameters, defaults where none are given.

        Raises:
            ConfigurationError: if one is unknown or does not fit.
        """
        return check_settings(self.hyperparameters, given, f"hyperparameters of {self.name!r}")


def load_families(extensions: Sequence[str] = ()) -> Mapping[str, Family]:
    """Returns all families by name: ours, those of installed packages, those of a system's own modules.

    Args:
        extensions: sequence of strings. Dotted paths of modules with `FAMILIES`. Defaults to none.

    Raises:
        ConfigurationError: if two have one name, one is no `Family`, or a module cannot be imported.
    """
    registry: Registry[Family] = Registry(
        "model family", "yachay.components.trainer.families", "yachay.families", "FAMILIES"
    )
    families = registry.load(extensions)
    for name, family in families.items():
        if not isinstance(family, Family):
            raise ConfigurationError(
                f"Expected the model family {name!r} to be an object of the class Family. "
                f"Received: {getattr(family, '__name__', type(family).__name__)}. Correct FAMILIES."
            )
    if AUTO in families:
        raise ConfigurationError(
            f"Expected no model family to be called {AUTO!r}, which trains all and keeps the best. Rename yours."
        )
    return families


def family_choices(extensions: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns what a configuration may name: all families, and `"auto"`.

    Raises:
        ConfigurationError: as `load_families`.
    """
    return (*load_families(extensions), AUTO)


def families_for(task: PredictionTask) -> Mapping[str, Family]:
    """Returns the families that can predict what a task asks for, in the order in which a tie between them is decided.

    The space of each is that of the task's problem.

    Raises:
        ConfigurationError: if no family can.
    """
    wanted = (task.problem, task.label)
    families = {
        name: family.of_problem(task.problem)
        for name, family in load_families(task.extensions).items()
        if family.can_predict(*wanted)
    }
    if not families:
        raise ConfigurationError(
            f"Expected a model family for {describe_task(*wanted)}. Received: none. Add one in the system's model.py."
        )
    return families


def describe_task(problem: Problem, label: Label) -> str:
    """Returns what is predicted in words: "a forecast of quantiles"."""
    return f"a {problem}{' of quantiles' if label.quantiles else ''}{' with ordered classes' if label.ordered else ''}"
