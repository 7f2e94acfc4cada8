"""The ranks by other outcomes: whether the order of the communities is that of one number or of many.

    ranks = other_ranks(records, config, bags, communities.regions, predicted)

Each other outcome is predicted by its own task's model, trained on the same bags, of communities whose group it has not
seen.
"""

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from ...files import scratch_folder
from ..cross_validator.folds import Records
from ..cross_validator.settings import CrossValidatorConfig
from ..cross_validator.workers import run_folds
from ..transform.analyze import analyze, transform_arrays
from ..transform.settings import TransformConfig
from .document import CommonTop, OtherRanks
from .estimates import rank_by
from .replicates import Bags, ReplicateWork
from .settings import RecommenderConfig

Numbers = NDArray[np.float64]

MAX_TOP = 100


def other_ranks(
    records: Records,
    config: RecommenderConfig,
    bags: Bags,
    regions: tuple[str, ...],
    predicted: Numbers,
    workers: int | None = None,
) -> tuple[OtherRanks, ...]:
    """Returns the ranks by each of `recommend.robustness`, beside those by the outcome itself.

    Args:
        records: `Records` of `N` communities.
        config: `RecommenderConfig`.
        bags: `Bags`. As many of them are used as score each community often enough.
        regions: tuple of `N` strings.
        predicted: float array `(N,)`. The outcome.
        workers: int or None. See `run_folds`.

    Raises:
        ModelError: if a model cannot be trained.
    """
    own = rank_by(predicted, config.recommend.outcome.higher_is_better)
    found = []
    for task, training in config.robustness.items():
        settings = config.recommend.robustness[task]
        ranks = rank_by(_predicted(records, training, bags, regions, workers), settings.higher_is_better)
        found.append(
            OtherRanks(
                task=task,
                title=settings.title,
                rank=tuple(ranks.tolist()),
                rank_correlation=round(float(np.corrcoef(own, ranks)[0, 1]), 4),
                common=tuple(
                    CommonTop(top=top, common=int(np.sum((own <= top) & (ranks <= top)))) for top in _tops(len(own))
                ),
            )
        )
    return tuple(found)


def check_labels(table: pd.DataFrame, config: RecommenderConfig) -> None:
    """Checks that every community has each of the other outcomes.

    Raises:
        DataError: if one has not.
    """
    for task, training in config.robustness.items():
        label = training.task.label.name
        if num_missing := int(np.sum(~np.isfinite(table[label].to_numpy(np.float64)))):
            raise DataError(
                f"Expected a number in {label!r} for each {config.recommend.communities.unit.en}, for "
                f"recommend.robustness ranks by {task}. Received: {num_missing} without one. Take the task out of it, "
                "or leave out those rows."
            )


def _tops(num_communities: int) -> list[int]:
    """Returns how many of the first are compared: 100, or a tenth where there are few, and a fifth."""
    tops = {min(MAX_TOP, num_communities // 10), num_communities // 5}
    return sorted(top for top in tops if top)


def _predicted(
    records: Records, training: CrossValidatorConfig, bags: Bags, regions: tuple[str, ...], workers: int | None
) -> Numbers:
    num_rows = len(regions)
    chosen = [number - 1 for number in sorted(bags.driver_numbers(num_rows))]
    few = dataclasses.replace(
        bags,
        trained=tuple(bags.trained[place] for place in chosen),
        scored=tuple(bags.scored[place] for place in chosen),
        num_placebos=0,
    )
    sums, counts = np.zeros(num_rows), np.zeros(num_rows)
    with scratch_folder() as scratch:
        graph = scratch / "transform"
        settings = TransformConfig(task=training.task, settings=training.transform, engine=training.engine)
        transform_output = analyze(records.examples.tolist(), records.schema, settings, graph)
        work = ReplicateWork(
            task=training.task,
            trainer=training.trainer,
            transform_graph=graph,
            arrays=transform_arrays(transform_output, records.examples.tolist()),
            scenarios=(),
            typical={},
            features=(),
            moved=(),
            regions=regions,
            bags=few,
            place=0,
        )
        for one in run_folds(work, list(zip(few.trained, few.scored, strict=True)), workers):
            sums[one.rows] += one.outcome
            counts[one.rows] += 1
    return sums / counts
