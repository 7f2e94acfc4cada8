import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tuner_samples import LINEAR_SPACE, config, make_records

from yachay.components.cross_validator.folds import Records
from yachay.components.tuner import search as module
from yachay.components.tuner import trial_work
from yachay.components.tuner.log import TrialLog
from yachay.components.tuner.record import Search, Trial
from yachay.components.tuner.search import key_of, search
from yachay.components.tuner.trial_work import TrialRequest, TrialResult, TrialWork
from yachay.errors import ModelError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def records() -> Records:
    return make_records()


Tune = Callable[..., Search]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The folder of each number of folds, so that they are transformed once."""
    return {number: tmp_path_factory.mktemp("folds") for number in (3, 5)}


@pytest.fixture
def tune(records: Records, folders: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> Tune:
    """Searches with settings of `tune`; a `log` and `workers` go to the search."""

    def run(log: TrialLog | None = None, workers: int | None = 1, **given: Any) -> Search:
        wanted = config(**given)
        folder = folders[wanted.tune.folds]
        with monkeypatch.context() as patch:
            if any(folder.iterdir()):
                patch.setattr(module._Search, "_write_folds", lambda _: None)
            return search(records, wanted, folder, log, workers=workers)

    return run


def without_times(found: Search) -> dict[str, Any]:
    def plain(trial: Trial) -> Trial:
        folds = tuple(fold.model_copy(update={"seconds": 0.0}) for fold in trial.folds)
        return trial.model_copy(update={"folds": folds, "seconds": 0.0, "ended_seconds": 0.0})

    trials = tuple(plain(trial) for trial in found.trials)
    return found.model_copy(update={"trials": trials, "seconds": 0.0, "num_resumed": 0}).model_dump()


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_the_configuration_is_tried_first_and_the_best_is_at_least_as_good(oracle: str, tune: Tune) -> None:
    found = tune(oracle=oracle, trials=9, parallel=2)

    assert [trial.number for trial in found.trials] == list(range(1, 10))
    assert found.trials[0].source == "configuration"
    assert found.trials[0].hyperparameters == {"C": 0.3, "alpha": 1.0, "max_iter": 1000}
    assert found.best_trial.score >= found.trials[0].score  # type: ignore[operator]
    assert len({trial.hyperparameters["C"] for trial in found.trials}) == 9
    sources = [trial.source for trial in found.trials[1:]]
    assert sources == (["random"] * 8 if oracle == "random" else sorted(sources, reverse=True))
    assert ("bayesian" in sources) == (oracle == "bayesian")


def test_a_search_is_the_same_again_and_in_other_processes_and_differs_by_the_seed(tune: Tune) -> None:
    first = without_times(tune(parallel=2))
    assert trial_work.read_fold.cache_info().currsize == 0

    assert without_times(tune(parallel=2, workers=2)) == first
    assert without_times(tune(parallel=2, seed=7))["trials"][1:] != first["trials"][1:]


def test_hopeless_trials_are_stopped_and_none_where_it_is_switched_off(tune: Tune) -> None:
    spaces = {"linear": {"C": [1e-7, 2e-7, 3e-7, 4e-7, 5e-7, 1.0]}}
    found = tune(spaces=spaces, folds=5, parallel=1, early_stop=0.2)
    stopped = [trial for trial in found.trials if trial.status == "stopped"]

    assert stopped
    assert all(2 <= len(trial.folds) < 5 for trial in stopped)
    assert "worse than the best at the level 0.2" in stopped[0].message
    switched_off = tune(spaces=spaces, folds=5, parallel=1, early_stop=0)
    assert all(trial.status == "completed" for trial in switched_off.trials)
    assert switched_off.best == found.best


def test_hyperband_trains_many_for_a_share_of_the_rounds(tune: Tune) -> None:
    found = tune(
        oracle="hyperband",
        families=["boosted_trees"],
        spaces={"boosted_trees": {"max_depth": {"min": 1, "max": 8}, "l2_regularization": {"min": 0.0, "max": 1.0}}},
        trials=14,
    )

    shares = [trial.rounds_share for trial in found.trials]
    assert shares[:11] == [1.0, 1.0] + [pytest.approx(1 / 9)] * 9  # The configured family is tried first.
    assert {round(1 / share) for share in shares} == {1, 3, 9}
    assert found.trials[2].hyperparameters["max_iter"] == 17


def test_options_of_the_trainer_and_several_families_are_searched(tune: Tune) -> None:
    found = tune(
        families=["linear", "random_forest"],
        spaces=LINEAR_SPACE | {"random_forest": {"n_estimators": [5, 10], "max_depth": [2, None]}},
        training={"mixup": [0.0, 0.4]},
        trials=8,
    )

    assert [trial.family for trial in found.trials[:2]] == ["linear", "random_forest"]
    assert {trial.training["mixup"] for trial in found.trials} == {0.0, 0.4}
    assert found.best_trial.tuned.mixup == found.best_trial.training["mixup"]


def test_the_time_ends_a_search_that_has_tried_the_configuration(tune: Tune) -> None:
    found = tune(minutes=1e-6)

    assert [trial.status for trial in found.trials] == ["completed"]
    assert found.best == 1


def test_trials_that_the_time_cuts_off_are_no_failures(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    run = TrialWork.run

    def cut_off(work: TrialWork, request: TrialRequest) -> TrialResult:
        result = run(work, request)
        if request.deadline is None:
            return result
        late.append(request)
        return dataclasses.replace(result, status="out_of_time", folds=result.folds[: len(late) == 1], score=None)

    late: list[TrialRequest] = []
    monkeypatch.setattr(TrialWork, "run", cut_off)

    found = tune(minutes=5.0)

    assert len(late) == 5
    assert [(trial.status, len(trial.folds)) for trial in found.trials] == [("completed", 3), ("out_of_time", 1)]


def test_trials_that_cannot_be_trained_are_noted_and_several_in_a_row_end_the_search(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TrialWork.run

    def fail(work: TrialWork, request: TrialRequest) -> TrialResult:
        is_failing = request.tuned.hyperparameters["C"] in failing
        return TrialResult("failed", (), None, 0.0, "no finite scores") if is_failing else run(work, request)

    values = [trial.hyperparameters["C"] for trial in tune().trials]
    monkeypatch.setattr(TrialWork, "run", fail)
    failing = values[:2]
    assert [trial.status for trial in tune().trials] == ["failed"] * 2 + ["completed"] * 4
    failing = values[2:5]
    with pytest.raises(ModelError, match=r"3 in a row that cannot, the last with: no finite scores Narrow"):
        tune()
    failing = values[:1]
    with pytest.raises(ModelError, match=r"Received: 1 that did not \(no finite scores\)"):
        tune(trials=1)


def test_what_a_library_or_a_later_fold_does_not_take_is_a_failure_without_a_score(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = trial_work.train
    seen: list[float] = []

    def fail(table: Any, task: Any, trainer: Any, **given: Any) -> Any:
        seen.append(trainer.hyperparameters["linear"]["C"])
        if len(set(seen)) == 2 and seen.count(seen[-1]) == 2:
            raise ValueError("Input X is not for me")
        return train(table, task, trainer, **given)

    monkeypatch.setattr(trial_work, "train", fail)

    second = tune(trials=3, parallel=1).trials[1]

    assert (second.status, len(second.folds), second.score) == ("failed", 1, None)
    assert second.message == "Input X is not for me"


def test_a_greater_budget_goes_on_from_the_trials_that_are_done(tune: Tune, records: Records, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    before = tune(TrialLog(log), trials=3)

    after = tune(TrialLog(log), trials=5)

    assert after.num_resumed == 3
    assert after.trials[:3] == before.trials
    assert without_times(after) == without_times(tune(trials=5))
    assert key_of(records, config(trials=3)) == key_of(records, config(trials=5, minutes=2.0, keep_level=0.5))
    assert key_of(records, config()) != key_of(records, config(folds=4))
    assert key_of(records, config()) != key_of(dataclasses.replace(records, hashes=records.hashes + 1), config())


@pytest.mark.parametrize("within_a_character", [False, True])
def test_a_log_whose_last_line_is_half_written_is_read_as_far_as_it_goes(
    within_a_character: bool, tune: Tune, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    tune(TrialLog(path), trials=3)
    content = path.read_bytes()
    half = "á".encode()[:1] if within_a_character else b""
    path.write_bytes(content[: content.rindex(b"message") + 10] + half)

    log = TrialLog(path)

    assert sorted(log.recorded) == [1, 2]
    assert len(path.read_text().splitlines()) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from tuner_samples import config, make_records
from yachay.components.tuner import search as module
from yachay.components.tuner.log import TrialLog

def on_trial(trial, best):
    if trial.number == 7:
        os.kill(os.getpid(), signal.SIGKILL)

settings = config(oracle="bayesian", trials=9, parallel=2)
module.search(make_records(), settings, Path({scratch!r}), TrialLog(Path({log!r})), on_trial)
"""


def test_a_search_that_is_killed_goes_on_and_ends_as_if_it_had_not(
    tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.jsonl"
    (tmp_path / "scratch").mkdir()
    code = KILLED.format(folder=str(Path(__file__).parent), scratch=str(tmp_path / "scratch"), log=str(log))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    ran = []
    run = TrialWork.run
    monkeypatch.setattr(TrialWork, "run", lambda work, request: ran.append(request) or run(work, request))

    resumed = tune(TrialLog(log), oracle="bayesian", trials=9, parallel=2)

    assert resumed.num_resumed == 7
    assert len(ran) == 2
    assert without_times(resumed) == without_times(tune(oracle="bayesian", trials=9, parallel=2))
