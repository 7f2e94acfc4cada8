"""Nested cross-validation: in each outer fold a search of its own, on the training part of that fold alone.

What it measures is the search and the training together, with nothing of what is held out seen by either (Varma and
Simon, BMC Bioinformatics 7, 2006).
"""

import dataclasses
import time

from ..cross_validator.folds import FoldWork, HeldOut, Records, needs_processes
from ..splitter import Rows
from ..trainer.family import families_for
from ..tuner.search import search
from ..tuner.settings import TunerConfig, TuneSettings, configured_families, searched_families


@dataclasses.dataclass(frozen=True)
class NestedWork(FoldWork):
    """What every outer fold needs, here or in another process.

    Args:
        examples: array of serialized `tf.Example`, `(N,)`.
        schema: `Schema`.
        config: `CrossValidatorConfig`.
        scratch: path of a folder.
        tune: `TuneSettings`. Of the search in each fold, each with the whole budget.
    """

    tune: TuneSettings

    def needs_processes(self) -> bool:
        """Returns whether folds must run in processes of their own; see `cross_validator.folds`."""
        task, trainer = self.config.task, self.config.trainer
        families = configured_families(trainer, searched_families(self.tune, trainer, families_for(task)))
        return any(needs_processes(task, trainer.model_copy(update={"family": name})) for name in families)

    def run(self, number: int, train_rows: Rows, held_out: Rows) -> HeldOut:
        """Searches and trains on some rows, and predicts others.

        Raises:
            ModelError: if a model cannot be trained.
            DataError: if the rows are too few.
        """
        start = time.perf_counter()
        folder = self.scratch / f"search-{number}"
        folder.mkdir()
        records = Records.of(self.examples[train_rows].tolist(), self.schema)
        # The outer folds are what runs side by side.
        found = search(records, TunerConfig(training=self.config, tune=self.tune), folder, workers=1)
        trial = found.taken_trial
        config = self.config.model_copy(update={"trainer": trial.tuned.apply(self.config.trainer)})
        judged = FoldWork(self.examples, self.schema, config, self.scratch).run(number, train_rows, held_out)
        fold = dataclasses.replace(
            judged.fold,
            hyperparameters=trial.hyperparameters | trial.training,
            inner_score=trial.score,
            seconds=round(time.perf_counter() - start, 3),
        )
        return dataclasses.replace(judged, fold=fold)
