"""Executor of `CrossValidator`."""

from pathlib import Path
from typing import Any

import numpy as np
from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...files import scratch_folder
from ..artifact_files import local_folder, read_schema, split_files
from ..evaluator.out_of_fold import write_out_of_fold
from ..examples import read_examples
from .folds import FoldWork, Records
from .settings import CrossValidatorConfig
from .workers import run_folds

EVAL = "eval"


class Executor(base_executor.BaseExecutor):
    """Reads the examples, runs the folds and writes what each predicts of the records held out."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `out_of_fold.parquet`.

        Raises:
            DataError: if there are too few records for the folds, or no split `eval`.
            ModelError: if a model cannot be trained.
            RunError: if a process ends before its fold.
        """
        config = self.read(exec_properties["config"])
        schema = read_schema(artifact_utils.get_single_instance(input_dict["schema"]))
        files = split_files(artifact_utils.get_single_instance(input_dict["examples"]), EVAL)
        examples = [example for batch in read_examples(files) for example in batch]
        records = Records.of(examples, schema)
        folds, scores, labels = np.zeros(len(examples), np.int32), [], []
        rows = []
        with scratch_folder() as scratch:
            work = self.work(exec_properties["config"], records, scratch)
            divided = records.folds(config.task, config.folds, config.trainer.seed)
            for held_out in run_folds(work, divided, config.workers):
                places = records.order[held_out.rows]
                folds[places] = held_out.fold.number
                rows.append(places)
                scores.append(held_out.scores)
                labels.append(held_out.labels)
                logging.info("Fold %d of %d: %s", held_out.fold.number, config.folds, held_out.fold.metrics)
        order = np.argsort(np.concatenate(rows))
        own = None if config.task.label.cut_share is None else np.concatenate(labels)[order]
        with local_folder(artifact_utils.get_single_uri(output_dict["predictions"])) as folder:
            folder.mkdir(parents=True, exist_ok=True)
            write_out_of_fold(folder, examples, folds, np.concatenate(scores)[order], own)

    def read(self, text: str) -> CrossValidatorConfig:
        """Returns how folds are made, from the execution property."""
        return CrossValidatorConfig.from_property(text)

    def work(self, text: str, records: Records, scratch: Path) -> FoldWork:
        """Returns the work of each fold, from the execution property."""
        return FoldWork(records.examples, records.schema, self.read(text), scratch)
