"""The folds of a cross-validation, by the split of the configuration."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from ..components.features import Problem
from ..errors import DataError
from .config.pipeline_config import PipelineConfig

Rows = NDArray[np.int64]


def fold_method(config: PipelineConfig) -> str:
    """Returns how folds are made: `"stratified"`, `"shuffled"` (a regression), `"grouped"` or `"time"`."""
    if config.split.method == "hash":
        return "stratified" if config.problem is Problem.CLASSIFICATION else "shuffled"
    return {"group": "grouped", "time": "time"}[config.split.method]


def split_folds(table: pd.DataFrame, config: PipelineConfig, num_folds: int) -> list[tuple[Rows, Rows]]:
    """Returns for each fold the rows to train on and the rows held out.

    Folds are stratified by class and shuffled by the model's seed. With the split method `group` all records of a group
    stay together; with `time` a fold is held out after training on the records before it, so that the first records
    are never held out.

    Args:
        table: `pandas.DataFrame` of the records, in an order that does not depend on that of the files.
        config: `PipelineConfig`.
        num_folds: int. At least 2.

    Raises:
        DataError: if there are too few records of a class, groups or times for the folds.
    """
    labels, classes = pd.factorize(table[config.label.name], sort=True)
    is_classification = config.problem is Problem.CLASSIFICATION
    if is_classification:
        for value, count in zip(classes, np.bincount(labels), strict=True):
            _check_enough(int(count), num_folds, f"records of the class {value!r}")
    method, seed = fold_method(config), config.model.seed
    if method == "stratified":
        return list(StratifiedKFold(num_folds, shuffle=True, random_state=seed).split(table, labels))
    if method == "shuffled":
        _check_enough(len(table), num_folds, "records")
        return list(KFold(num_folds, shuffle=True, random_state=seed).split(table))
    keys, values = pd.factorize(table[config.split.key], sort=True)
    if method == "time":
        # By distinct times: no record is trained on with others of a moment that is held out.
        _check_enough(len(values), num_folds + 1, f"distinct values of {config.split.key!r}")
        moments = TimeSeriesSplit(num_folds).split(values)
        return [(np.flatnonzero(np.isin(keys, before)), np.flatnonzero(np.isin(keys, now))) for before, now in moments]
    _check_enough(len(values), num_folds, f"groups of {config.split.key!r}")
    if is_classification:
        return list(StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed).split(table, labels, keys))
    return list(GroupKFold(num_folds).split(table, groups=keys))


def _check_enough(received: int, needed: int, what: str) -> None:
    if received < needed:
        raise DataError(
            f"Expected at least {needed} {what} to cross-validate. Received: {received}. "
            "Ask for fewer folds, or collect more records."
        )
