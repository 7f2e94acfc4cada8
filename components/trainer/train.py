"""Training: one family, or all of them and the choice of the best on a validation part."""

import dataclasses
import logging
import time
from collections.abc import Mapping
from typing import Any

from ...errors import ModelError
from ..evaluator.metric import Metric, choice_metric, measure, task_metrics
from ..prediction_task import Label, PredictionTask
from .boosted_trees import BoostedTrees
from .config import TrainerConfig
from .family import Family, FittedModel
from .hyperparameters import FamilyName, resolve_hyperparameters
from .keras_network import KerasNetwork
from .linear import Linear
from .random_forest import RandomForest
from .table import Table

# In this order a tie on the validation part is decided.
FAMILIES: Mapping[FamilyName, Family] = {
    family.name: family for family in (BoostedTrees(), RandomForest(), Linear(), KerasNetwork())
}

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A line of the leaderboard: a family's metrics on the validation part and the seconds its training took."""

    family: FamilyName
    metrics: dict[str, float]
    seconds: float


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """The chosen model.

    Args:
        model: `FittedModel`.
        family: string.
        hyperparameters: dict. All hyperparameters of the family, defaults included.
        validation_metrics: dict. The metrics on the validation part, before the model was fitted again on all rows.
        leaderboard: tuple of `Candidate`, the best first.
    """

    model: FittedModel
    family: FamilyName
    hyperparameters: dict[str, Any]
    validation_metrics: dict[str, float]
    leaderboard: tuple[Candidate, ...]


def train(table: Table, config: TrainerConfig) -> TrainedModel:
    """Trains the family that the configuration names, or all and keeps the best.

    The best has the highest validation macro-F1, in a regression the lowest RMSE. Unless its training itself looks at
    the validation part, it is then fitted again on all rows.

    Args:
        table: `Table` of the training split, in canonical order.
        config: `TrainerConfig`.

    Raises:
        ModelError: if the rows are too few or a model's scores are not finite.
    """
    part, validation = table.split(config.validation_share, config.seed)
    names = tuple(FAMILIES) if config.family == "auto" else (config.family,)
    hyperparameters = {name: resolve_hyperparameters(name, config.hyperparameters.get(name, {})) for name in names}
    models, candidates = {}, []
    metrics = task_metrics(_task(config))
    for name in names:
        start = time.perf_counter()
        models[name] = FAMILIES[name].fit(part, validation, hyperparameters[name], config.seed)
        candidate = Candidate(name, score(models[name], validation, metrics), round(time.perf_counter() - start, 3))
        logger.info("%s: %s on the validation part, %.1f s", name, candidate.metrics, candidate.seconds)
        candidates.append(candidate)
    choice = choice_metric(metrics)
    sign = -1 if choice.higher_is_better else 1
    leaderboard = tuple(sorted(candidates, key=lambda candidate: sign * candidate.metrics[choice.name]))
    best = leaderboard[0]
    model = models[best.family]
    if not FAMILIES[best.family].needs_validation:
        model = FAMILIES[best.family].fit(table, None, hyperparameters[best.family], config.seed)
    settings = hyperparameters[best.family].model_dump(mode="json")
    return TrainedModel(model, best.family, settings, best.metrics, leaderboard)


def score(model: FittedModel, table: Table, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """Returns the metrics of a model on a table.

    Raises:
        ModelError: if a score is not finite.
    """
    scores = model.predict(table.features)
    if not (abs(scores) < float("inf")).all():
        raise ModelError(
            "Expected finite scores. Received: NaN or infinity. Lower the learning rate or mend huge values."
        )
    return measure(metrics, table.labels, scores if table.num_classes else scores[:, 0])


def _task(config: TrainerConfig) -> PredictionTask:
    return PredictionTask(
        problem=config.problem,
        label=Label(name=config.label, values=config.label_values),
        features=dict(config.features),
    )
