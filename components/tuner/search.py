"""The search: proposals are tried on inner folds of the training records, side by side where that is sooner.

Nothing but these records is seen: each inner fold selects features and analyzes the preprocessing on its own training
part, once for all trials.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

import joblib  # type: ignore[import-untyped]

from ... import __version__
from ...errors import ModelError
from ..cross_validator.folds import FoldWork, Records
from ..cross_validator.workers import processes, processes_that_fit, worth_starting
from ..evaluator.metric import Metric, choice_metric, task_metrics
from ..trainer.family import families_for
from .choice import choose, configured_of
from .log import TrialLog
from .oracle import Proposal, Proposals, SearchSpace
from .record import Search, Trial, best_of
from .settings import SHARD_SEED, TunerConfig
from .trial_work import TrialRequest, TrialResult, TrialWork, read_fold, write_fold

logger = logging.getLogger(__name__)

OnTrial = Callable[[Trial, Trial | None], None]
"""Called with each trial that ends, and the best one so far."""


def objective_of(config: TunerConfig) -> Metric:
    """Returns the metric that is searched for: the one that the settings name, else the task's own."""
    metrics = task_metrics(config.training.task)
    return metrics[config.tune.objective] if config.tune.objective else choice_metric(metrics)


def key_of(records: Records, config: TunerConfig) -> str:
    """Returns what a search goes on by: the same for the same records, settings and versions.

    The budget does not count, nor what of the trials is taken.
    """
    settings = config.model_dump(mode="json")
    settings["tune"] |= {"trials": 0, "minutes": None, "enabled": True, "folder": None, "pods": 1, "keep_level": 0.1}
    settings["training"] |= {"workers": None, "folds": 0}
    digest = hashlib.sha256(json.dumps([settings, _versions()], sort_keys=True).encode())
    digest.update(records.schema.SerializeToString(deterministic=True))
    digest.update(records.hashes.tobytes())
    return digest.hexdigest()[:32]


def search(
    records: Records,
    config: TunerConfig,
    folder: Path,
    log: TrialLog | None = None,
    on_trial: OnTrial | None = None,
    workers: int | None = None,
) -> Search:
    """Searches for the family and the hyperparameters that are best by inner folds.

    Args:
        records: `Records`. Those that a model may be trained on, and no other.
        config: `TunerConfig`.
        folder: path of a folder for the folds' tables.
        log: `TrialLog`. Gets each trial that ends, and has those of an earlier part. Defaults to None.
        on_trial: function. Defaults to None.
        workers: int or None. Trials at a time, at most `tune.parallel`. Defaults to None, what is soonest.

    Raises:
        DataError: if there are too few records for the folds.
        ModelError: if no trial can be trained, or several in a row cannot.
        RunError: if a process ends before its trial.
    """
    try:
        return _Search(records, config, folder, log, on_trial, workers).run()
    finally:
        read_fold.cache_clear()  # Files that are read in place stay on the disk, also after their folder is removed.


@dataclasses.dataclass
class _Pending:
    proposal: Proposal
    future: Future[TrialResult] | None
    trial: Trial | None = None


class _Search:
    """A search under way: trials are proposed and noted in the order of their numbers, whenever they end."""

    def __init__(
        self,
        records: Records,
        config: TunerConfig,
        folder: Path,
        log: TrialLog | None,
        on_trial: OnTrial | None,
        workers: int | None,
    ) -> None:
        self._records, self._config, self._folder = records, config, folder
        self._log, self._on_trial, self._workers = log, on_trial, workers
        task, trainer = config.training.task, config.training.trainer
        self._objective = objective_of(config)
        self._space = SearchSpace(config.tune, trainer, families_for(task))
        self._recorded = dict(log.recorded) if log else {}
        seed = trainer.seed if config.tune.seed is None else config.tune.seed
        self._seed = seed + SHARD_SEED * config.shard
        self._work = TrialWork(
            folder,
            config.tune.folds,
            task,
            trainer,
            self._space.configured_families,
            self._objective.name,
            config.tune.early_stop,
        )
        self._proposals = Proposals(
            config.tune, self._space, self._objective.higher_is_better, self._seed, self._recorded
        )
        self._pending: list[_Pending] = []
        self._noted: list[tuple[Proposal, Trial]] = []
        self._ended: list[Trial] = []

    def run(self) -> Search:
        self._began = time.time() - (self._log.seconds if self._log else 0.0)
        minutes = self._config.tune.minutes
        self._deadline = None if minutes is None else self._began + 60 * minutes
        self._write_folds()
        with contextlib.ExitStack() as stack:
            self._submit: Callable[[TrialRequest], Future[TrialResult]] | None = None
            while len(self._noted) + len(self._pending) < self._config.tune.trials:
                while len(self._pending) >= self._config.tune.parallel:
                    self._note_oldest()
                proposal = self._proposals.ask()
                if proposal is None and self._pending:
                    self._note_oldest()
                elif proposal is None or not self._start(proposal, stack):
                    break
            while self._pending:
                self._note_oldest()
        return self._result()

    def _write_folds(self) -> None:
        training, records = self._config.training, self._records
        num_folds = self._config.tune.folds
        work = FoldWork(records.examples, records.schema, training, self._folder)
        for number, rows in enumerate(records.folds(training.task, num_folds, training.trainer.seed), start=1):
            write_fold(self._folder, number, work.tables(number, *rows))

    def _start(self, proposal: Proposal, stack: contextlib.ExitStack) -> bool:
        """Starts a trial, or takes it from the log; returns False where the time is over."""
        recorded = self._recorded.get(proposal.number)
        if recorded is not None and recorded.tuned == proposal.tuned:
            self._pending.append(_Pending(proposal, None, recorded))
            self._ended.append(recorded)
            return True
        if recorded is not None:
            logger.warning(
                "Trial %d of the log is another one, and those after it: they are done anew", recorded.number
            )
            self._recorded = {}
        is_first = proposal.number == 1
        if not is_first and self._deadline is not None and time.time() > self._deadline:
            return False
        request = TrialRequest(proposal.tuned, self._to_beat(proposal), None if is_first else self._deadline)
        if is_first and not self._work.needs_processes():
            # Here, for its seconds say whether processes are worth their start.
            future = _done_here(self._work, request)
        else:
            self._submit = self._submit or self._choose_submit(stack)
            future = self._submit(request)
        self._pending.append(_Pending(proposal, future))
        self._record_ended()
        return True

    def _to_beat(self, proposal: Proposal) -> tuple[float, ...]:
        """Returns the folds' scores of the best trial noted, of those that were trained for as long."""
        done = [trial for _, trial in self._noted if trial.status == "completed"]
        alike = [trial for trial in done if trial.rounds_share == proposal.rounds_share]
        best = best_of(alike, self._objective.higher_is_better)
        return () if best is None else best.scores(self._objective.name)

    def _choose_submit(self, stack: contextlib.ExitStack) -> Callable[[TrialRequest], Future[TrialResult]]:
        left = self._config.tune.trials - len(self._ended)
        needs_processes = self._work.needs_processes()
        workers = self._workers
        if workers is None and needs_processes:
            workers = joblib.cpu_count()
        elif workers is None:
            seconds = min([trial.seconds for trial in self._ended if trial.status == "completed"], default=0.0)
            workers = worth_starting(left, seconds)
        workers = min(workers, left, self._config.tune.parallel)
        if workers < 2 and not needs_processes:
            return lambda request: _done_here(self._work, request)
        workers = processes_that_fit(workers)
        logger.info("Trials run in %d processes", workers)
        submit: Callable[[TrialRequest], Future[TrialResult]] = stack.enter_context(processes(self._work, workers))
        return submit

    def _note_oldest(self) -> None:
        """Waits for the trial that was proposed first of those not noted yet, and records others that end meanwhile."""
        while self._pending[0].trial is None:
            running = [one.future for one in self._pending if one.trial is None and one.future is not None]
            wait(running, return_when=FIRST_COMPLETED)
            self._record_ended()
        oldest = self._pending.pop(0)
        trial = oldest.trial
        if trial is None:
            return
        if trial.status != "out_of_time":  # After that nothing is asked.
            self._proposals.note(oldest.proposal, trial.score, trial.message)
        self._noted.append((oldest.proposal, trial))

    def _record_ended(self) -> None:
        for one in self._pending:
            if one.trial is None and one.future is not None and one.future.done():
                self._record(one, one.future.result())

    def _record(self, pending: _Pending, result: TrialResult) -> None:
        proposal = pending.proposal
        options = {name: getattr(proposal.tuned, name) for name in self._space.training}
        pending.trial = Trial(
            number=proposal.number,
            source=proposal.source,
            family=proposal.tuned.family,
            hyperparameters=proposal.tuned.hyperparameters,
            training=options,
            rounds_share=proposal.rounds_share,
            ended_seconds=round(time.time() - self._began, 3),
            **dataclasses.asdict(result),
        )
        self._ended.append(pending.trial)
        if self._log is not None:
            self._log.append(pending.trial)
        if self._on_trial is not None:
            done = [trial for trial in self._ended if trial.status == "completed"]
            self._on_trial(pending.trial, best_of(done, self._objective.higher_is_better))

    def _result(self) -> Search:
        # Without those whose time was over before their first fold.
        trials = tuple(trial for _, trial in self._noted if trial.folds or trial.status != "out_of_time")
        tune, objective = self._config.tune, self._objective
        configured = configured_of(trials, self._config.training.trainer.family, objective.higher_is_better)
        choice = choose(trials, configured, objective.name, objective.higher_is_better, tune.folds, tune.keep_level)
        if choice is None:
            reasons = "; ".join(dict.fromkeys(trial.message for trial in trials if trial.message))
            raise ModelError(
                f"Expected a trial of the search to come to its end. Received: {len(trials)} that did not ({reasons}). "
                "Correct the hyperparameters, or give the search more minutes."
            )
        resumed = sum(trial in self._recorded.values() for trial in trials)
        return Search(
            objective=objective.name,
            higher_is_better=objective.higher_is_better,
            oracle=tune.oracle,
            seed=self._seed,
            method=self._config.training.method,
            num_folds=tune.folds,
            num_records=len(self._records.examples),
            spaces=self._space.spaces,
            training=self._space.training,
            left_out=tuple(name for name in tune.families if name not in self._space.spaces),
            max_trials=tune.trials,
            max_minutes=tune.minutes,
            early_stop=tune.early_stop,
            keep_level=tune.keep_level,
            **dataclasses.asdict(choice),
            seconds=round(time.time() - self._began, 3),
            num_resumed=resumed,
            versions=_versions(),
            trials=trials,
        )


def _done_here(work: TrialWork, request: TrialRequest) -> Future[TrialResult]:
    future: Future[TrialResult] = Future()
    future.set_result(work.run(request))
    return future


def _versions() -> dict[str, str]:
    import sklearn
    import tensorflow as tf
    import xgboost

    packages = {"scikit-learn": sklearn, "tensorflow": tf, "xgboost": xgboost}
    versions = {name: str(package.__version__) for name, package in packages.items()}
    return {"yachay": __version__, "keras_tuner": importlib.metadata.version("keras-tuner"), **versions}
