"""Executor of `Tuner`."""

import json
from pathlib import Path
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...files import scratch_folder
from ..artifact_files import local_folder, read_schema, split_files
from ..cross_validator.folds import Records
from ..examples import read_examples
from ..progress import report
from .log import TrialLog
from .record import TUNED_FILE, Search, Trial
from .search import key_of, objective_of, search
from .settings import TUNING, TunerConfig

TRAIN = "train"
BEST_FILE = "best_hyperparameters.txt"
"""As TFX's Trainer looks for it."""


class Executor(base_executor.BaseExecutor):
    """Reads the examples, searches, and writes what was found and how."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `best_hyperparameters` and `tuner_results`.

        Raises:
            DataError: if there are too few records for the folds, or no split `train`.
            ModelError: if no trial can be trained.
            RunError: if a process ends before its trial.
        """
        config = TunerConfig.from_property(exec_properties["config"])
        schema = read_schema(artifact_utils.get_single_instance(input_dict["schema"]))
        files = split_files(artifact_utils.get_single_instance(input_dict["examples"]), TRAIN)
        records = Records.of([example for batch in read_examples(files) for example in batch], schema)
        results = artifact_utils.get_single_instance(output_dict["tuner_results"])
        log = TrialLog(_kept_in(config, results.uri) / f"{key_of(records, config)}.jsonl")
        if log.recorded:
            logging.info("The search goes on from %d trials that are done", len(log.recorded))
            report(f"goes on from {len(log.recorded)} trials that are done")

        objective = objective_of(config).name

        def on_trial(trial: Trial, best: Trial | None) -> None:
            line = describe_trial(trial, best, objective, config.tune.trials)
            logging.info("%s: %s %s", line, trial.hyperparameters, trial.training)
            report(line)

        with scratch_folder() as scratch:
            found = search(records, config, scratch, log, on_trial)
        if found.left_out:
            logging.warning("Left out, for they cannot do the task: %s", ", ".join(found.left_out))
        write_results(found, output_dict)


def write_results(found: Search, output_dict: dict[str, list[types.Artifact]]) -> None:
    """Writes the artifacts `best_hyperparameters` and `tuner_results` of a search."""
    results = artifact_utils.get_single_instance(output_dict["tuner_results"])
    with local_folder(results.uri) as folder:
        found.write(folder)
    results.set_string_custom_property(TUNING, json.dumps(outline(found)))
    with local_folder(artifact_utils.get_single_uri(output_dict["best_hyperparameters"])) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        tuned = found.taken_trial.tuned.model_dump_json(exclude_unset=True)
        (folder / BEST_FILE).write_text(tuned, encoding="utf-8")


def describe_trial(trial: Trial, best: Trial | None, objective: str, max_trials: int) -> str:
    """Returns a line of progress: the trial that has ended, and the best so far."""
    score = "" if trial.score is None else f"  {objective} {trial.score:.4f}"
    so_far = "" if best is None else f"  best {best.score:.4f} (trial {best.number})"
    state = "" if trial.status == "completed" else f"  {trial.status.replace('_', ' ')}"
    return f"trial {trial.number}/{max_trials}  {trial.family}{score}{state}  {trial.seconds:.1f} s{so_far}"


def outline(found: Search) -> dict[str, Any]:
    """Returns what a summary shows of a search: the scores of the inner folds, what was taken, and why.

    `score` is that of the best trial, `configured_score` that of the configuration, `taken` and `family` are those of
    the trial that is trained; `p_value` and `keep_level` as in `Search`.
    """
    configured = found.configured_trial
    return {
        "objective": found.objective,
        "score": found.best_trial.score,
        "configured_score": None if configured is None else configured.score,
        "num_folds": found.num_folds,
        "trials": len(found.trials),
        "stopped": sum(trial.status == "stopped" for trial in found.trials),
        "best": found.best,
        "taken": found.taken,
        "p_value": found.p_value,
        "keep_level": found.keep_level,
        "is_kept": found.is_kept,
        "family": found.taken_trial.family,
        "left_out": list(found.left_out),
        "seconds": found.seconds,
        "tuned_file": TUNED_FILE,
    }


def _kept_in(config: TunerConfig, results_uri: str) -> Path:
    """Returns the folder that keeps what is done of searches."""
    if config.tune.folder is not None:
        return Path(config.tune.folder)
    # Beside the outputs of the component's runs: those of one that was killed are removed.
    return Path(results_uri).parents[1] / "searches"
