"""Training: one family, or all of them and the choice of the best on a validation part."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import joblib  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigurationError, ModelError, suggestion
from ..evaluator.metric import choice_metric, measure, task_metrics
from ..features import Problem
from ..prediction_task import PredictionTask
from ..settings import Settings
from .augment import augment
from .bagging import Mixture, mix_scores, stack_weights
from .calibration import CONFORMAL, CalibratedModel, Conformal, Method, Mondrian, choose_calibration
from .distribution import describe, distributed
from .family import AUTO, Family, FittedModel, families_for, load_families
from .settings import TrainerSettings
from .table import Table, require_classes
from .target import Target
from .threads import MANY_VALUES, few_threads

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A line of the leaderboard: a family's metrics on the validation part and the seconds its training took."""

    family: str
    metrics: dict[str, float]
    seconds: float


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """The chosen model.

    Args:
        model: `FittedModel`.
        family: string.
        hyperparameters: dict. All hyperparameters of the family, defaults included, and the options of the training
            that are set. Defaults to none.
        validation_metrics: dict. The metrics on the validation part, before the model was fitted again on all rows.
            Defaults to none.
        leaderboard: tuple of `Candidate`, the best first. Defaults to none.
    """

    model: FittedModel
    family: str
    hyperparameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    validation_metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    leaderboard: tuple[Candidate, ...] = ()


def train(table: Table, task: PredictionTask, settings: TrainerSettings, is_validated: bool = True) -> TrainedModel:
    """Trains the family that the settings name, or all that can do the task, and keeps the best.

    The best has the best value on the validation part of the metric that chooses: macro-F1 for a classification, the
    lowest RMSE for numbers, the lowest pinball loss for quantiles. Unless its training itself looks at the validation
    part, it is then fitted again on all rows. Only rows that a model is fitted to are augmented. A calibration is
    fitted to what the model of the training part predicts of the validation part, or to out-of-fold predictions of the
    table (`calibration_folds`); the metrics are those before it. With `bagging_folds` the model is the mean of those of
    the folds, and metrics and calibration are of out-of-fold predictions.

    Args:
        table: `Table` of the training split, in canonical order.
        task: `PredictionTask`.
        settings: `TrainerSettings`.
        is_validated: bool. False leaves out the metrics on the validation part where they decide nothing, for half the
            work: there is one family, neither its training nor a calibration looks at that part. Defaults to True.

    Raises:
        DataError: if the rows are too few.
        ModelError: if a model's scores are not finite, or no row of a class is left beside the validation part.
        ConfigurationError: if a family is unknown or cannot do the task.
    """
    with distributed(settings.strategy):
        return _train(table, task, settings, is_validated)


def _train(table: Table, task: PredictionTask, settings: TrainerSettings, is_validated: bool) -> TrainedModel:
    families = chosen_families(task, settings)
    log_devices(families)
    hyperparameters = {
        name: family.resolve(settings.hyperparameters.get(name, {})) for name, family in families.items()
    }
    calibration = settings.calibration if _can_calibrate(settings.calibration, task) else None
    if settings.bagging_folds is not None:
        return _train_bagged(table, task, settings, families, hyperparameters, calibration)
    if not is_validated and len(families) == 1 and (calibration is None or settings.calibration_folds is not None):
        [(name, family)] = families.items()
        if not family.needs_validation:
            used = _used(family, hyperparameters[name], settings)
            model = family.fit(augment(table, task, settings), None, hyperparameters[name], settings.seed)
            if calibration is not None:
                seen = _out_of_fold(table, task, family, hyperparameters[name], settings)
                model, used["calibration"] = _calibrated(model, calibration, task, settings, *seen)
            return TrainedModel(model, name, used)
    part, validation = table.split(settings.validation_share, settings.seed)
    require_classes(part, task)
    augmented = augment(part, task, settings)

    def fit_again(name: str) -> FittedModel:
        return families[name].fit(augment(table, task, settings), None, hyperparameters[name], settings.seed)

    models, candidates = {}, []
    with _begun(fit_again, families, table) as fitted_again:
        for name, family in families.items():
            start = time.perf_counter()
            models[name] = family.fit(augmented, validation, hyperparameters[name], settings.seed)
            candidate = Candidate(name, score(models[name], validation, task), round(time.perf_counter() - start, 3))
            logger.info("%s: %s on the validation part, %.1f s", name, candidate.metrics, candidate.seconds)
            candidates.append(candidate)
        leaderboard = _ranked(candidates, task)
        best = leaderboard[0]
        model, family = models[best.family], families[best.family]
        used = _used(family, hyperparameters[best.family], settings)
        on_part = None
        if calibration is not None and settings.calibration_folds is None:
            on_part = predict_scores(model, validation.features, len(validation), task), validation
        del part, augmented, validation  # A large table and its copy would not fit in memory beside another training.
        if not family.needs_validation:
            model = fitted_again(best.family)
    if calibration is not None:
        seen = on_part or _out_of_fold(table, task, family, hyperparameters[best.family], settings)
        model, used["calibration"] = _calibrated(model, calibration, task, settings, *seen)
    return TrainedModel(model, best.family, used, best.metrics, leaderboard)


@contextlib.contextmanager
def _begun(
    fit: Callable[[str], FittedModel], families: Mapping[str, Family], table: Table
) -> Iterator[Callable[[str], FittedModel]]:
    """Yields `fit`; where there is one family, which trains in one thread, a second one has begun with it.

    The model of the training part and that of all rows are then fitted at once.
    """
    [name, *others] = families
    is_small = len(table) * sum(column.width for column in table.columns) < MANY_VALUES
    waits = families[name].needs_validation or families[name].trains_in_tensorflow
    if others or waits or not is_small or joblib.cpu_count() < 2:
        yield fit
        return
    # One limit around both: each would set back that of the process to what it found.
    with few_threads(0), ThreadPoolExecutor(1) as thread:
        begun = thread.submit(fit, name)
        yield lambda _: begun.result()


def _train_bagged(
    table: Table,
    task: PredictionTask,
    settings: TrainerSettings,
    families: Mapping[str, Family],
    hyperparameters: Mapping[str, Settings],
    calibration: Method | Literal["auto", "conformal"] | None,
) -> TrainedModel:
    """Returns the mean of the models of the folds, of the family whose out-of-fold predictions are the best.

    A stack is the mixture of all families that has the least loss on these predictions.
    """
    folds = table.folds(settings.bagging_folds or 0, settings.seed, is_interleaved=True)
    unseen = table.take(np.concatenate([held_out for _, held_out in folds]))
    models: dict[str, Mixture] = {}
    scores: dict[str, NDArray[np.float32]] = {}
    candidates = []
    for name, family in families.items():
        start = time.perf_counter()
        members, parts = [], []
        for place, (rows, held_out) in enumerate(folds):
            part, validation = table.take(rows), table.take(held_out)
            require_classes(part, task)
            model = family.fit(augment(part, task, settings), validation, hyperparameters[name], settings.seed + place)
            parts.append(predict_scores(model, validation.features, len(validation), task))
            members.append(model)
            logger.info("%s: %d of %d folds, %.1f s", name, place + 1, len(folds), time.perf_counter() - start)
        models[name], scores[name] = Mixture(members), np.concatenate(parts)
        metrics = measure(task_metrics(task), unseen.labels, to_predictions(scores[name], task))
        candidates.append(Candidate(name, metrics, round(time.perf_counter() - start, 3)))
    leaderboard = _ranked(candidates, task)
    is_stack = settings.family != AUTO and len(families) > 1
    chosen = settings.family if is_stack else leaderboard[0].family
    used = _used(families[chosen], hyperparameters[chosen], settings) | {"bagging_folds": len(folds)}
    model, seen = models[chosen], scores[chosen]
    if is_stack:
        weights = stack_weights(list(scores.values()), unseen.labels, task)
        used["stack"] = {name: of.round(3).tolist() for name, of in zip(families, weights, strict=True)}
        model, seen = Mixture(list(models.values()), weights), mix_scores(list(scores.values()), weights)
    metrics = measure(task_metrics(task), unseen.labels, to_predictions(seen, task))
    if calibration is not None:
        model, used["calibration"] = _calibrated(model, calibration, task, settings, seen, unseen)
    return TrainedModel(model, chosen, used, metrics, leaderboard)


def _ranked(candidates: Sequence[Candidate], task: PredictionTask) -> tuple[Candidate, ...]:
    choice = choice_metric(task_metrics(task))
    sign = -1 if choice.higher_is_better else 1
    return tuple(sorted(candidates, key=lambda candidate: sign * candidate.metrics[choice.name]))


def _out_of_fold(
    table: Table, task: PredictionTask, family: Family, hyperparameters: Settings, settings: TrainerSettings
) -> tuple[NDArray[np.float32], Table]:
    """Returns scores of rows by models that have not seen their fold, and these rows."""
    scores, rows_of_all = [], []
    for rows, held_out in table.folds(settings.calibration_folds or 0, settings.seed):
        part, unseen, validation = table.take(rows), table.take(held_out), None
        if family.needs_validation:
            part, validation = part.split(settings.validation_share, settings.seed)
        require_classes(part, task)
        model = family.fit(augment(part, task, settings), validation, hyperparameters, settings.seed)
        scores.append(predict_scores(model, unseen.features, len(unseen), task))
        rows_of_all.append(held_out)
    return np.concatenate(scores), table.take(np.concatenate(rows_of_all))


def _used(family: Family, hyperparameters: Settings, settings: TrainerSettings) -> dict[str, Any]:
    several = describe(getattr(hyperparameters, "batch_size", None)) if family.supports_multiple_gpus else {}
    options = settings.model_dump(mode="json", include={"class_weights", "oversampling", "mixup"})
    return hyperparameters.model_dump(mode="json") | {name: of for name, of in options.items() if of} | several


def _can_calibrate(method: str | None, task: PredictionTask) -> bool:
    return bool(task.label.quantiles if method == CONFORMAL else task.label.values)


def _calibrated(
    model: FittedModel,
    method: Method | Literal["auto", "conformal"],
    task: PredictionTask,
    settings: TrainerSettings,
    scores: NDArray[np.float32],
    unseen: Table,
) -> tuple[FittedModel, str]:
    """Returns a model with the calibration that scores of unseen rows show, and its name."""
    if method == CONFORMAL:
        quantiles = task.label.quantiles
        if not settings.calibration_by:
            return CalibratedModel(model, Conformal.fit(scores, unseen.labels, quantiles)), CONFORMAL
        _require_numbers(unseen, settings.calibration_by)
        groups = Mondrian.fit(scores, unseen.labels, unseen.features, quantiles, settings.calibration_by)
        return CalibratedModel(model, groups), f"{CONFORMAL} by {', '.join(settings.calibration_by)}"
    name, calibration = choose_calibration(scores, unseen.labels, method)
    logger.info("Calibration: %s", name)
    return (model if calibration is None else CalibratedModel(model, calibration)), name


def _require_numbers(table: Table, names: Sequence[str]) -> None:
    known = [column.name for column in table.columns if not column.num_codes and column.steps is None]
    for name in names:
        if name not in known:
            raise ModelError(
                f"Expected `model.calibration_by` to name transformed numbers. Received: {name!r}."
                f"{suggestion(name, known)}"
            )


def score(model: FittedModel, table: Table, task: PredictionTask) -> dict[str, float]:
    """Returns the metrics of a model on a table.

    Raises:
        ModelError: as `predict_scores`.
    """
    scores = predict_scores(model, table.features, len(table), task)
    return measure(task_metrics(task), table.labels, to_predictions(scores, task))


def predict_scores(
    model: FittedModel, features: Mapping[str, NDArray[Any]], num_rows: int, task: PredictionTask
) -> NDArray[np.float32]:
    """Returns a model's scores of transformed features, checked.

    Raises:
        ModelError: if a score is not finite, or there is not one of each target for each row.
    """
    if not hasattr(model, "predict"):
        raise ModelError(
            f"Expected `fit` of the model family to return a model with `predict` and `scores`. Received: {model!r}. "
            "Correct its `fit`."
        )
    scores = np.asarray(model.predict(features))
    expected = (num_rows, *Target.of(task).shape)
    if scores.shape != expected:
        raise ModelError(
            f"Expected `predict` of the model to return scores of the shape {expected}. Received: {scores.shape}. "
            "Correct the model of the family."
        )
    if not np.isfinite(scores).all():
        raise ModelError(
            "Expected finite scores. Received: NaN or infinity. Lower the learning rate or correct huge values."
        )
    return scores


def to_predictions(scores: NDArray[Any], task: PredictionTask) -> NDArray[Any]:
    """Returns scores as metrics take them: `(N, 1)` of one number as `(N,)`, any other as they are."""
    is_one_number = task.problem is Problem.REGRESSION and not task.label.quantiles
    return scores[:, 0] if is_one_number else scores


def log_devices(families: dict[str, Family]) -> None:
    """Logs the devices that training sees, and warns of GPUs that none of the families uses."""
    import tensorflow as tf

    gpus = [device.name for device in tf.config.list_physical_devices("GPU")]
    logger.info("Devices: %s", ", ".join(gpus) if gpus else "no GPU")
    names = ", ".join(families)
    if gpus and not any(family.uses_gpu for family in families.values()):
        logger.warning(
            "%d GPUs are here and %s uses none: ask for none, or choose a family that does", len(gpus), names
        )
    elif len(gpus) > 1 and not any(family.supports_multiple_gpus for family in families.values()):
        logger.warning("%d GPUs are here and %s uses one: ask for one", len(gpus), names)


def chosen_families(task: PredictionTask, settings: TrainerSettings) -> dict[str, Family]:
    """Returns the families to train, by name: the one that the settings name and those of its stack, or all.

    Only those that can do the task; a stack leaves out the others.

    Raises:
        ConfigurationError: if a family is unknown or cannot do the task.
    """
    if settings.family == AUTO:
        able = families_for(task)
        chosen = {name: family for name, family in able.items() if family.uses_weights or not settings.needs_weights}
        if not chosen:
            raise ConfigurationError(
                "Expected a model family whose rows may count differently, for `model.class_weights` or `model.mixup`. "
                f"Received: {', '.join(able)}. Take the setting out."
            )
        if left_out := able.keys() - chosen.keys():
            logger.warning("Left out, for their rows all count alike: %s", ", ".join(sorted(left_out)))
        return chosen
    families = load_families(task.extensions)
    settings.check(families, task.problem, task.label)
    beside = [name for name in settings.stacked_with if families[name].can_predict(task.problem, task.label)]
    return {name: families[name] for name in (settings.family, *beside)}
