"""The bootstrap: models of the groups in a bag, which score the communities of the groups out of it.

Each replicate leaves one region out, in turn, and draws groups (those of the split; without a group, records) from the
others with replacement. It trains the task's own family on what it drew and scores what it did not: as it is, with each
action, with all fitting actions at once, and with each feature at its typical value. So every prediction, effect and
driver is of a community whose group the model has not seen. The preprocessing is analyzed once, on all communities: it
knows no outcome.

A placebo is a few replicates, each trained after the features that actions move were permuted in the same way among the
communities of each region: what they then find of an action is chance.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import tensorflow_transform as tft
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ...errors import DataError
from ..cross_validator.folds import limit_operations_to_one_thread, needs_processes
from ..examples import decode, encode
from ..features import Problem
from ..prediction_task import PredictionTask
from ..splitter import Rows
from ..trainer.settings import TrainerSettings
from ..trainer.table import make_table
from ..trainer.train import predict_scores, train

Arrays = Mapping[str, NDArray[Any]]

MAX_TRIES = 100

FEATURES_AT_A_TIME = 32
"""The features whose typical values are predicted with in one table."""

MIN_OUT_OF_BAG = 3
"""The fewest models that score a community, and that its drivers are the mean of."""


@dataclasses.dataclass(frozen=True)
class Replicate:
    """What a model of the bootstrap predicts of the communities that it has not seen.

    Args:
        rows: int array `(M,)`. Their places among all communities.
        scores: float array `(M, K)`. The model's scores.
        outcome: float array `(M,)`. The outcome, of a classification in %.
        actions: float array `(A, M)`. With each action.
        together: float array `(M,)`. With all actions that fit and do not exclude each other.
        typical: float array `(F, M)`. With each feature at its typical value; `(0, M)` where it was not asked for.
        origins: int array `(M,)`. The communities whose moved features they have: of a placebo others.
    """

    rows: Rows
    scores: NDArray[np.float32]
    outcome: NDArray[np.float32]
    actions: NDArray[np.float32]
    together: NDArray[np.float32]
    typical: NDArray[np.float32]
    origins: Rows


@dataclasses.dataclass(frozen=True)
class Bags:
    """What each replicate is trained on.

    Args:
        trained: tuple of int arrays. The rows of each, one that was drawn twice stands there twice.
        scored: tuple of int arrays. The rows out of the bag.
        num_placebos: int.
        models_per_placebo: int. The last `num_placebos` times as many are those of placebos, one after the other.
    """

    trained: tuple[Rows, ...]
    scored: tuple[Rows, ...]
    num_placebos: int
    models_per_placebo: int

    @property
    def num_replicates(self) -> int:
        """The number without those of placebos."""
        return len(self.trained) - self.num_placebos * self.models_per_placebo

    def placebo_of(self, number: int) -> int | None:
        """Returns which placebo, from 0, a replicate, numbered from 1, is of; None where it is of none."""
        place = number - self.num_replicates - 1
        return place // self.models_per_placebo if place >= 0 else None

    def driver_numbers(self, num_rows: int) -> frozenset[int]:
        """Returns the first replicates, from 1, that together score each row often enough for its drivers."""
        counts = np.zeros(num_rows, int)
        for number, rows in enumerate(self.scored[: self.num_replicates], start=1):
            counts[rows] += 1
            if counts.min() >= MIN_OUT_OF_BAG:
                return frozenset(range(1, number + 1))
        return frozenset(range(1, self.num_replicates + 1))


def draw_bags(
    groups: NDArray[np.int64] | None,
    regions: Sequence[str],
    classes: NDArray[np.int64] | None,
    replicates: int,
    placebos: int,
    models_per_placebo: int,
    seed: int,
) -> Bags:
    """Draws the bags.

    Args:
        groups: int array `(N,)` or None. What is drawn whole; None draws records.
        regions: sequence of `N` strings.
        classes: int array `(N,)` or None. Each must be in every bag.
        replicates: int.
        placebos: int.
        models_per_placebo: int. Further replicates of each.
        seed: int.

    Raises:
        DataError: if there are fewer than three regions or groups, or some class is never in the bag.
    """
    codes = np.arange(len(regions)) if groups is None else groups
    region_codes, names = pd.factorize(np.asarray(regions, object), sort=True)
    for what, count in (("regions", len(names)), ("groups", len(np.unique(codes)))):
        if count < 3:
            raise DataError(
                f"Expected communities of at least 3 {what}, for models learn from some and score the others. "
                f"Received: {count}. Give data of more, or name another column in recommend.communities.region."
            )
    random = np.random.default_rng(seed)
    for _ in range(MAX_TRIES):
        left_out = random.permutation(len(names))
        trained, scored = [], []
        for number in range(replicates + placebos * models_per_placebo):
            bag = _draw(codes, region_codes != left_out[number % len(names)], classes, random)
            is_drawn = np.isin(codes, np.unique(codes[bag]))
            trained.append(bag)
            scored.append(np.flatnonzero(~is_drawn))
        counts = np.bincount(np.concatenate(scored[:replicates]), minlength=len(codes))
        if counts.min() >= MIN_OUT_OF_BAG:
            return Bags(tuple(trained), tuple(scored), placebos, models_per_placebo)
    raise DataError(
        f"Expected each community to be out of the bag of at least {MIN_OUT_OF_BAG} models. Received: one that was out "
        f"of {counts.min()}. Raise recommend.replicates."
    )


def _draw(
    codes: NDArray[np.int64],
    can_be_drawn: NDArray[np.bool_],
    classes: NDArray[np.int64] | None,
    random: np.random.Generator,
) -> Rows:
    candidates = np.flatnonzero(can_be_drawn)
    rows_of = [
        candidates[places] for places in pd.Series(codes[candidates]).groupby(codes[candidates]).indices.values()
    ]
    for _ in range(MAX_TRIES):
        drawn = np.sort(random.integers(len(rows_of), size=len(rows_of)))
        bag = np.concatenate([rows_of[place] for place in drawn])
        if len(np.unique(drawn)) < 2:
            continue
        if classes is None or len(np.unique(classes[bag])) == len(np.unique(classes)):
            return bag
    raise DataError(
        f"Expected records of every class in what is drawn from the groups. Received: none in {MAX_TRIES} draws. "
        "Give more records of the rarest class."
    )


@dataclasses.dataclass(frozen=True)
class ReplicateWork:
    """What every replicate needs, here or in another process; `run_folds` runs it.

    Args:
        task: `PredictionTask`.
        trainer: `TrainerSettings`.
        transform_graph: path of the transform graph.
        arrays: dict of transformed column, the label's included, to array `(N,)`.
        scenarios: tuple of dicts of the transformed columns that change to arrays `(N,)`: of each action, and of all
            that fit at once.
        typical: dict of transformed column to its value where the feature is typical.
        features: tuple of strings. Whose drivers are asked for.
        moved: tuple of strings. The columns that actions move, which placebos permute.
        regions: tuple of `N` strings.
        bags: `Bags`.
        place: int. Of the outcome among the scores of a model: of a classification the class.
    """

    task: PredictionTask
    trainer: TrainerSettings
    transform_graph: Path
    arrays: Arrays
    scenarios: tuple[Arrays, ...]
    typical: Arrays
    features: tuple[str, ...]
    moved: tuple[str, ...]
    regions: tuple[str, ...]
    bags: Bags
    place: int

    def needs_processes(self) -> bool:
        """Returns whether replicates must run in processes of their own; see `cross_validator.folds`."""
        return needs_processes(self.task, self.trainer)

    def prepare(self) -> None:
        """Prepares a new process."""
        limit_operations_to_one_thread()

    def run(self, number: int, train_rows: Rows, held_out: Rows) -> Replicate:
        """Trains on the bag and scores what is out of it.

        Raises:
            ModelError: if a model cannot be trained.
        """
        # Sums of several threads depend on their number.
        with threadpool_limits(limits=1):
            return self._run(number, train_rows, held_out)

    def _run(self, number: int, train_rows: Rows, held_out: Rows) -> Replicate:
        arrays, scenarios = dict(self.arrays), self.scenarios
        placebo = self.bags.placebo_of(number)
        order = np.arange(len(self.regions))
        if placebo is not None:
            order = permutation_within(self.regions, [self.trainer.seed, placebo])
            arrays |= {name: arrays[name][order] for name in self.moved}
            scenarios = tuple({name: values[order] for name, values in one.items()} for one in scenarios)
        transform_output = tft.TFTransformOutput(str(self.transform_graph))
        table = make_table(transform_output, {name: values[train_rows] for name, values in arrays.items()}, self.task)
        model = train(table, self.task, self.trainer, is_validated=False).model
        base = {column.name: arrays[column.name][held_out] for column in table.columns}

        def predict(changes: Sequence[Arrays]) -> NDArray[np.float32]:
            """Returns scores `(S, M, K)` of the communities with each of some changes."""
            columns = {
                name: np.concatenate([one.get(name, values) for one in changes]) for name, values in base.items()
            }
            scores = predict_scores(model, columns, len(changes) * len(held_out), self.task)
            return scores.reshape(len(changes), len(held_out), -1)

        scale = np.float32(100 if self.task.problem is Problem.CLASSIFICATION else 1)
        scores = predict([{}, *({name: values[held_out] for name, values in one.items()} for one in scenarios)])
        outcomes = scores[:, :, self.place] * scale
        typical = np.zeros((0, len(held_out)), np.float32)
        if placebo is None and number in self.bags.driver_numbers(len(self.regions)) and self.features:
            typical = np.empty((len(self.features), len(held_out)), np.float32)
            for start in range(0, len(self.features), FEATURES_AT_A_TIME):
                part = self.features[start : start + FEATURES_AT_A_TIME]
                changes = [{name: np.repeat(self.typical[name], len(held_out), axis=0)} for name in part]
                typical[start : start + len(part)] = predict(changes)[:, :, self.place] * scale
        return Replicate(held_out, scores[0], outcomes[0], outcomes[1:-1], outcomes[-1], typical, order[held_out])


def permutation_within(regions: Sequence[str], seed: Sequence[int]) -> Rows:
    """Returns an order of rows, `(N,)`, in which those of each region are permuted among themselves."""
    random = np.random.default_rng(seed)
    codes = pd.factorize(np.asarray(regions, object))[0]
    order = np.arange(len(codes))
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        order[rows] = random.permutation(rows)
    return order


def with_columns(
    examples: Sequence[bytes], schema: schema_pb2.Schema, columns: Mapping[str, NDArray[Any]]
) -> list[bytes]:
    """Returns serialized examples with other values in some columns; NaN and None are no value.

    Args:
        examples: sequence of `N` serialized `tf.Example`.
        schema: `Schema` of them.
        columns: mapping of column to array `(N,)`, of numbers, or of strings where the schema has bytes.
    """
    types = {feature.name: feature.type for feature in schema.feature}
    batch = decode(examples, types)
    for name, values in columns.items():
        known = ~pd.isna(values)
        if types[name] == schema_pb2.BYTES:
            items = pa.array([str(value).encode() for value in values[known]], pa.binary())
        else:
            kind = pa.int64() if types[name] == schema_pb2.INT else pa.float32()
            items = pa.array(np.asarray(values[known], np.float64)).cast(kind, safe=False)
        offsets = pa.array(np.concatenate([[0], np.cumsum(known)]).astype(np.int32))
        lists = pa.ListArray.from_arrays(offsets, items)
        batch = batch.set_column(batch.schema.get_field_index(name), pa.field(name, lists.type), lists)
    return encode(batch)
