"""What is done to the rows that a model is fitted to, and to no others: oversampling, class weights, mixup."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..prediction_task import PredictionTask
from .settings import TrainerSettings
from .table import Table


def augment(table: Table, task: PredictionTask, settings: TrainerSettings) -> Table:
    """Returns the rows to fit a model to: a training part, or all rows of it once the family is chosen.

    Oversampling goes first, so that balanced class weights are those of the rows that it leaves.

    Args:
        table: `Table`. Never a validation part.
        task: `PredictionTask`.
        settings: `TrainerSettings`.
    """
    random = np.random.default_rng(settings.seed)
    if settings.oversampling or settings.mixup:
        table = dataclasses.replace(table, origins=np.repeat(np.arange(len(table))[:, np.newaxis], 2, axis=1))
    if settings.oversampling and table.num_classes:
        table = oversample(table, settings.oversampling, random)
    if settings.class_weights is not None and table.num_classes:
        table = dataclasses.replace(table, weights=class_weights(table, task.label.values, settings.class_weights))
    return mix(table, settings.mixup, random) if settings.mixup else table


def oversample(table: Table, share: float, random: np.random.Generator) -> Table:
    """Returns the table with rows of rare classes repeated until each has `share` of the rows of the largest one."""
    counts = np.bincount(table.labels, minlength=table.num_classes)
    wanted = np.maximum(counts, np.ceil(share * counts.max()).astype(np.int64))
    repeated = [random.choice(np.flatnonzero(table.labels == k), wanted[k] - counts[k]) for k in np.flatnonzero(counts)]
    return table.take(np.concatenate([np.arange(len(table)), *repeated]))


def class_weights(
    table: Table, classes: tuple[str, ...], given: Literal["balanced"] | Mapping[str, float]
) -> NDArray[np.float32]:
    """Returns the weight of each row, `(N,)`: that given for its class, 1 where none is, or the inverse frequency.

    `"balanced"` is scikit-learn's: `N / (K * count)` of the K classes that have rows, so that each counts as much in
    all.
    """
    if given == "balanced":
        counts = np.bincount(table.labels, minlength=len(classes))
        of_class = len(table) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    else:
        of_class = np.array([given.get(name, 1.0) for name in classes])
    return np.asarray(of_class[table.labels], np.float32)


def mix(table: Table, alpha: float, random: np.random.Generator) -> Table:
    """Returns the table with a mixed row added for each: mixup (Zhang et al., ICLR 2018, arXiv:1710.09412).

    A mixed row is `share` of one row and `1 - share` of another, the share drawn from Beta(alpha, alpha). Its numbers
    are means, its codes are those of either row with that chance, and so is its label where it is a number; with
    classes it counts as two rows, one of each label, with these weights, which is the loss of a soft label.
    """
    others = random.permutation(len(table))
    share = random.beta(alpha, alpha, len(table)).astype(np.float32)
    features = {}
    for column in table.columns:
        values = table.features[column.name]
        part = share.reshape(-1, *[1] * (values.ndim - 1))
        if column.num_codes:
            features[column.name] = np.where(random.random(part.shape) < part, values, values[others])
        else:
            features[column.name] = (part * values + (1 - part) * values[others]).astype(np.float32)
    origins = None
    if table.origins is not None:
        origins = np.stack([table.origins[:, 0], table.origins[others, 0]], axis=1)
    cut_of = None if table.cut_of is None else share * table.cut_of + (1 - share) * table.cut_of[others]
    mixed = dataclasses.replace(table, features=features, origins=origins, cut_of=cut_of)
    if not table.num_classes:
        part = share.reshape(-1, *[1] * (table.labels.ndim - 1))
        labels = (part * table.labels + (1 - part) * table.labels[others]).astype(table.labels.dtype)
        return _joined([table, dataclasses.replace(mixed, labels=labels)])
    weights = table.row_weights
    return _joined(
        [
            dataclasses.replace(table, weights=weights),
            dataclasses.replace(mixed, weights=weights * share),
            dataclasses.replace(mixed, weights=weights[others] * (1 - share), labels=table.labels[others]),
        ]
    )


def _joined(tables: list[Table]) -> Table:
    first = tables[0]
    return dataclasses.replace(
        first,
        features={name: np.concatenate([table.features[name] for table in tables]) for name in first.features},
        labels=np.concatenate([table.labels for table in tables]),
        keys=_of_all([table.keys for table in tables]),
        weights=_of_all([table.weights for table in tables]),
        origins=_of_all([table.origins for table in tables]),
        cut_of=_of_all([table.cut_of for table in tables]),
    )


def _of_all(arrays: list[NDArray[Any] | None]) -> NDArray[Any] | None:
    """Returns the arrays one after the other; None where tables have none."""
    given = [array for array in arrays if array is not None]
    return np.concatenate(given) if given else None
