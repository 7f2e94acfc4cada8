"""What to try next: the configuration as it is, then what an oracle of KerasTuner proposes.

    proposals = Proposals(...)
    proposal = proposals.ask()
    proposals.note(proposal, score=0.61)

The proposals depend on the seed and on the order of both calls alone, so that a search that was killed comes to the
same ones again.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import keras_tuner
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ...errors import ModelError
from ..trainer.family import Family
from ..trainer.settings import TrainerSettings, Tuned
from .record import Source, Trial
from .settings import Choices, Range, TuneSettings, configured_families, searched_families, space_of

RUNGS = 9
"""Hyperband trains for 1/9, 1/3 and all of the configured rounds."""

NOISE = 0.01
"""The variance of the noise of a score that the Gaussian process expects, where that of all scores is 1."""

MAX_FAILURES = 3
"""After so many failed trials in a row a search ends with an error."""

_FAMILY, _SCORE = "family", "score"
_DIGITS = 4


@dataclasses.dataclass(frozen=True)
class Proposal:
    """What to try.

    Args:
        number: int. From 1 on.
        source: string. What proposed it; see `Trial`.
        tuned: `Tuned`. With all hyperparameters of the family, and the options that are searched.
        rounds_share: float in (0, 1]. The share of the configured rounds that `tuned` has.
        trial: KerasTuner's trial; None of the configuration as it is.
    """

    number: int
    source: Source
    tuned: Tuned
    rounds_share: float = 1.0
    trial: Any = None

    @property
    def key(self) -> str:
        """A text that is the same for the same model."""
        return json.dumps(self.tuned.model_dump(mode="json"), sort_keys=True)


class SearchSpace:
    """The spaces of several families and of the Trainer's options, as one of KerasTuner.

    Args:
        tune: `TuneSettings`.
        trainer: `TrainerSettings`. What is not searched has their values.
        able: mapping of name to `Family`. Those that can do the task.
    """

    def __init__(self, tune: TuneSettings, trainer: TrainerSettings, able: Mapping[str, Family]) -> None:
        self._trainer, self._families = trainer, able
        searched = searched_families(tune, trainer, able)
        self.configured_families = configured_families(trainer, searched)
        self.spaces = {name: space_of(tune, family) for name, family in searched.items()}
        self.training: dict[str, Range | Choices] = {str(name): space for name, space in tune.training.items()}

    def hyperparameters(self) -> Any:
        """Returns the `keras_tuner.HyperParameters`; the name of one is `<family>.<name>`, of an option its own."""
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.Choice(_FAMILY, list(self.spaces))
        for family, space in self.spaces.items():
            with hyperparameters.conditional_scope(_FAMILY, [family]):
                for name, values in space.items():
                    _add(hyperparameters, f"{family}.{name}", values)
        for name, values in self.training.items():
            _add(hyperparameters, name, values)
        return hyperparameters

    def tuned(self, values: Mapping[str, Any], rounds_share: float = 1.0) -> Tuned:
        """Returns what the Trainer takes of values of KerasTuner."""
        family = values[_FAMILY]
        chosen = {name: _value(values[f"{family}.{name}"], space) for name, space in self.spaces[family].items()}
        options = {name: _value(values[name], space) for name, space in self.training.items()}
        return self._resolved(family, chosen, options, rounds_share)

    def values(self, tuned: Tuned) -> dict[str, Any]:
        """Returns the values of KerasTuner that stand for what the Trainer takes."""
        family = tuned.family
        chosen = {
            f"{family}.{name}": (tuned.hyperparameters[name], space) for name, space in self.spaces[family].items()
        }
        options = {name: (getattr(tuned, name), space) for name, space in self.training.items()}
        return {_FAMILY: family} | {name: _coded(value, space) for name, (value, space) in (chosen | options).items()}

    def configured(self) -> Iterator[Tuned]:
        """Yields the configuration as it is: of the configured family, then of each other that is searched in."""
        for family in self.configured_families:
            yield self._resolved(family, {}, {name: getattr(self._trainer, name) for name in self.training}, 1.0)

    def _resolved(self, name: str, chosen: dict[str, Any], options: dict[str, Any], rounds_share: float) -> Tuned:
        family = self._families[name]
        given = {**self._trainer.hyperparameters.get(name, {}), **chosen}
        if rounds_share < 1 and family.rounds:
            rounds = getattr(family.resolve(given), family.rounds)
            given[family.rounds] = max(1, round(rounds * rounds_share))
        return Tuned(family=name, hyperparameters=family.resolve(given).model_dump(mode="json"), **options)


class Proposals:
    """The sequence of what to try.

    Args:
        tune: `TuneSettings`.
        space: `SearchSpace`.
        higher_is_better: bool. Of the objective.
        seed: int.
        recorded: mapping of number to `Trial`. What an earlier part of the same search did: a Gaussian process, which
            takes seconds, is not asked again for them. Defaults to none.
    """

    def __init__(
        self,
        tune: TuneSettings,
        space: SearchSpace,
        higher_is_better: bool,
        seed: int,
        recorded: Mapping[int, Trial] | None = None,
    ) -> None:
        self._space, self._configured = space, list(space.configured())
        objective = keras_tuner.Objective(_SCORE, "max" if higher_is_better else "min")
        common = {
            "objective": objective,
            "hyperparameters": space.hyperparameters(),
            "seed": seed,
            "max_consecutive_failed_trials": MAX_FAILURES,
        }
        first = len(self._configured) + 1
        self._oracle: Any
        if tune.oracle == "hyperband":
            self._oracle = _Hyperband(max_epochs=RUNGS, hyperband_iterations=0, **common)
        elif tune.oracle == "random":
            self._oracle = _Random(max_trials=None, **common)
        else:
            given = [trial for trial in (recorded or {}).values() if trial.source == "bayesian"]
            values = {trial.number - first: space.values(trial.tuned) for trial in given}
            self._oracle = _Bayesian(space, values, max_trials=None, **common)
        self._oracle.verbose = 0
        self._kind, self._asked = tune.oracle, 0

    def ask(self) -> Proposal | None:
        """Returns the next proposal, or None where there is none before more results are noted, or none at all."""
        number = self._asked + 1
        if number <= len(self._configured):
            self._asked = number
            return Proposal(number, "configuration", self._configured[number - 1])
        # Of several threads the last digits of a Gaussian process depend on their number.
        with threadpool_limits(limits=1):
            trial = self._oracle.create_trial(str(number))
        if trial.status != "RUNNING":
            return None
        self._asked = number
        values = trial.hyperparameters.values
        share = values.get("tuner/epochs", RUNGS) / RUNGS
        source: Source = "bayesian" if trial.trial_id in getattr(self._oracle, "modelled", ()) else "random"
        source = "hyperband" if self._kind == "hyperband" else source
        return Proposal(number, source, self._space.tuned(values, share), share, trial)

    def note(self, proposal: Proposal, score: float | None, message: str = "") -> None:
        """Notes the result of a proposal: the mean of its folds, or None of one that failed.

        Raises:
            ModelError: if several in a row have failed.
        """
        if proposal.trial is None:
            return
        if score is None:
            proposal.trial.status, proposal.trial.message = "FAILED", message
        else:
            self._oracle.update_trial(proposal.trial.trial_id, {_SCORE: score})
            proposal.trial.status = "COMPLETED"
        try:
            self._oracle.end_trial(proposal.trial)
        except RuntimeError:
            raise ModelError(
                f"Expected trials that can be trained. Received: {MAX_FAILURES} in a row that cannot, the last with: "
                f"{message} Narrow `tune.spaces`."
            ) from None


class _InMemory:
    """An oracle that writes no files: the log of the search is what a later one goes on from."""

    def save(self) -> None:
        """Writes nothing."""

    def _save_trial(self, trial: Any) -> None:
        """Writes nothing."""


class _Random(_InMemory, keras_tuner.oracles.RandomSearchOracle):
    """Random values, each once."""


class _Hyperband(_InMemory, keras_tuner.oracles.HyperbandOracle):
    """Hyperband (Li et al., JMLR 18, 2018): of many short trainings the best go on; each is from the start."""


class _Bayesian(_Random):
    """KerasTuner's Bayesian optimization, the first trials at random.

    A trial that is under way counts as done with the mean score (the "constant liar" of Ginsbourger, Le Riche and
    Carraro, 2010): KerasTuner's own guess for it comes from a process that is fitted to other scores, or to none.

    Args:
        space: `SearchSpace`.
        recorded: mapping of trial to its values, of those that the process proposed in an earlier part of the search.
    """

    def __init__(self, space: SearchSpace, recorded: Mapping[int, dict[str, Any]], **common: Any) -> None:
        super().__init__(**common)
        self._space, self._recorded, self._common = space, recorded, common
        self._num_random = max(5, len(self.hyperparameters.space) + 1)
        self.modelled: set[str] = set()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial."""
        done = {name: trial for name, trial in self.trials.items() if trial.status == "COMPLETED"}
        if len(done) >= self._num_random:
            values = self._recorded.get(int(trial_id)) or self._from_process(int(trial_id), done)
            if values is not None:
                self.modelled.add(trial_id)
                return {"status": "RUNNING", "values": values}
        proposed: dict[str, Any] = super().populate_space(trial_id)
        return proposed

    def _from_process(self, number: int, done: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns the values that the Gaussian process hopes most of; None where they were tried before."""
        mean = sum(trial.score for trial in done.values()) / len(done)
        fresh = keras_tuner.oracles.BayesianOptimizationOracle(
            **self._common | {"seed": self.seed + number}, alpha=NOISE, num_initial_points=1
        )
        fresh.trials = {name: _scored(trial, mean) for name, trial in self.trials.items() if trial.status != "FAILED"}
        tuned = self._space.tuned(fresh.populate_space(str(number))["values"])
        tried = [self._space.tuned(trial.hyperparameters.values) for trial in self.trials.values()]
        return None if tuned in tried else self._space.values(tuned)


def _scored(trial: Any, score: float) -> Any:
    if trial.status == "COMPLETED":
        return trial
    supposed = copy.copy(trial)
    supposed.status, supposed.score = "COMPLETED", score
    return supposed


def _add(hyperparameters: Any, name: str, values: Range | Choices) -> None:
    if isinstance(values, Choices):
        # KerasTuner knows neither None nor lists among choices.
        hyperparameters.Choice(name, list(range(len(values.choices))))
    elif values.is_whole:
        step = values.step or (1 if values.scale == "linear" else None)
        hyperparameters.Int(name, values.min, values.max, step=step, sampling=values.scale)
    else:
        hyperparameters.Float(name, float(values.min), float(values.max), step=values.step, sampling=values.scale)


def _coded(value: Any, space: Range | Choices) -> Any:
    return space.choices.index(value) if isinstance(space, Choices) else value


def _value(value: Any, space: Range | Choices) -> Any:
    if isinstance(space, Choices):
        return space.choices[value]
    if space.is_whole:
        return int(value)
    return min(max(float(f"{value:.{_DIGITS}g}"), float(space.min)), float(space.max))
