"""Retraining on this machine: decides, and runs the training pipeline where it is called for."""

import contextlib
import dataclasses
import datetime
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ...components.drift_monitor.labels import Labels
from ...components.drift_monitor.result import MonitorResult
from ...components.example_gen.inputs import match_files
from ...components.retraining.decision import Decision, TrainingRun, decide
from ...components.retraining.labelled import SPANS, LabelledRows
from ...components.retraining.settings import RetrainSettings
from ...components.retraining.state import RetrainState
from ...errors import ConfigurationError, UsageError, YachayError
from ...model_store.location import open_store
from ...model_store.store import ModelStore, latest_push
from ..config.pipeline_config import PipelineConfig
from ..local.run import find_model_store, run_pipeline, write_mock_data
from ..registry import PipelineFolder
from ..runs.output import Capture, logged_to
from ..runs.run_folder import PipelineHome
from ..runs.summary import Summary
from .evidence import make_evidence, newest_labelled

STATE = "retrain"
"""The folder of a home that holds the state of retraining and its rows."""


@dataclasses.dataclass(frozen=True)
class Retraining:
    """What a retraining on this machine needs.

    Args:
        folder: `PipelineFolder`.
        config: `PipelineConfig`, with the section `retrain`.
        task: string. Name of the task.
        data_uri: string or None. Absolute path or pattern of the original records; None for those of a profile that
            writes synthetic ones.
        workdir: path of the folder that holds the homes of pipelines.
    """

    folder: PipelineFolder
    config: PipelineConfig
    task: str
    data_uri: str | None
    workdir: Path

    def check(self) -> None:
        """Raises an error where nothing can be trained here, before anything is claimed.

        Raises:
            ConfigurationError: if there is no section `retrain`.
            UsageError: if the records are read by a reader, which takes no others beside them, or the state is in a
                bucket: it is that of runs on Kubeflow, of which only its API knows whether they are at work.
        """
        if self.config.data.reader:
            raise UsageError(
                f"Expected records that are CSV or Parquet, beside which labelled rows can lie. Received: data.reader "
                f"{self.config.data.reader}. Convert them first."
            )
        if "://" in self.place:
            raise UsageError(
                f"Expected labelled rows on this machine. Received: retrain.labelled {self.place}. Train on Kubeflow, "
                "or name a folder."
            )

    @property
    def settings(self) -> RetrainSettings:
        """The section `retrain`.

        Raises:
            ConfigurationError: if there is none.
        """
        if self.config.retrain is None:
            raise ConfigurationError(
                f"Expected {self.config.name} to have the section `retrain`. Received: none. See docs/lifecycle.md."
            )
        return self.config.retrain

    @property
    def home(self) -> PipelineHome:
        """The home of the training's runs."""
        return PipelineHome(self.workdir.absolute() / self.config.pipeline_name(self.task))

    @property
    def place(self) -> str:
        """Where the state and the labelled rows are."""
        return self.settings.labelled or str(self.home.path / STATE)


def retrain(
    what: Retraining,
    result: MonitorResult,
    labels: Labels | None,
    say: Callable[[str], None],
    now: datetime.datetime | None = None,
    capture: Capture = logged_to,
) -> tuple[Decision, Summary | None]:
    """Decides whether a training starts, runs it where it does, and returns both.

    Each decision is kept, and said as one line of JSON. A second caller on this machine waits for nothing: its decision
    is that another is at work.

    Args:
        what: `Retraining`.
        result: `MonitorResult`.
        labels: `Labels` or None. Those that came since.
        say: function that prints a line.
        now: datetime with a time zone. Defaults to the clock's.
        capture: see `local.run.run_pipeline`.

    Raises:
        UsageError: see `Retraining.check`.
        YachayError: if the state cannot be read or written, or the training fails; the decision is kept before.
    """
    what.check()
    now = now or datetime.datetime.now(datetime.UTC)
    state = RetrainState(what.place)
    rows = LabelledRows(what.place)
    what.home.make()
    with _alone(Path(what.place).expanduser()) as is_alone:
        if not is_alone:
            busy = Decision(now, "", False, f"Another call decides or trains by {what.place}.", outcome="busy")
            return _kept(busy, state, say), None
        runs = [_ended(run, state) for run in state.runs()]
        if labels is not None:
            count = rows.add(result.log_uri, labels, what.config.prediction_task(what.task))
        else:
            count = rows.count()
        push = latest_push(_store(what))
        evidence = make_evidence(result, runs, count, push.version if push else 0)
        decision = decide(evidence, runs, what.settings, now)
        if not decision.starts:
            return _kept(decision, state, say), None
        run = TrainingRun(decision.number, decision.window, now, decision.triggers, "running", rows=count)
        if state.claim(run) is None:
            lost = dataclasses.replace(
                decision, starts=False, number=0, reason="Another call has just started this run."
            )
            return _kept(lost, state, say), None
        _kept(decision, state, say)
        try:
            summary = _train(what, run, rows, result, capture)
        except BaseException as error:
            # A run that could not begin, such as beside one of `yachay run`, is as one that was interrupted.
            is_failed = isinstance(error, YachayError) and not isinstance(error, UsageError)
            state.note(dataclasses.replace(run, outcome="failed" if is_failed else "interrupted"))
            raise
        state.note(dataclasses.replace(run, outcome="succeeded", run_id=str(summary.run_id)))
    return dataclasses.replace(decision, run_id=str(summary.run_id), outcome=summary.outcome), summary


def _train(what: Retraining, run: TrainingRun, rows: LabelledRows, result: MonitorResult, capture: Capture) -> Summary:
    # Of these the split holds a share out: twice as many, for chance.
    least_rows = 2 * what.settings.min_champion_rows / what.config.split.eval_share
    newest = rows.newest(int(newest_labelled(result, least_rows).timestamp() * 1_000_000))
    newest_uri = rows.write_newest(run.number, newest) if newest.num_rows else ""
    data = compose(what, run.number)
    return run_pipeline(
        what.folder,
        what.config,
        what.task,
        str(data),
        what.workdir,
        capture,
        newest_uri=newest_uri,
        as_candidate=what.settings.promote == "manual",
        owns_process=True,
    )


def compose(what: Retraining, number: int) -> Path:
    """Makes a folder of links to the original records and to the spans of labelled rows, and returns it.

    Args:
        what: `Retraining`.
        number: int. Of the run.

    Raises:
        DataError: if there are no original records.
    """
    folder = what.home.path / STATE / "data" / f"{number:06d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data_uri = what.data_uri or str(write_mock_data(what.config, what.home))
    for index, match in enumerate(match_files(data_uri).matches):
        (folder / f"original-{index:04d}-{match.name}").symlink_to(match.absolute())
    (folder / "labelled").symlink_to(Path(what.place, SPANS).expanduser().absolute())
    return folder


def _ended(run: TrainingRun, state: RetrainState) -> TrainingRun:
    """Returns a run with what it came to: the lock of the state is ours, so that one that did not end was killed."""
    if run.outcome not in ("claimed", "running"):
        return run
    ended = dataclasses.replace(run, outcome="interrupted")
    state.note(ended)
    return ended


def _kept(decision: Decision, state: RetrainState, say: Callable[[str], None]) -> Decision:
    state.keep(decision)
    say(decision.to_json())
    return decision


def _store(what: Retraining) -> ModelStore:
    uri = find_model_store(what.config, what.task, what.workdir.absolute())
    return open_store(uri, what.config.push.mount, what.config.push.endpoint_url)


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[bool]:
    """Yields whether no other call decides or trains by this state; a killed one holds nothing."""
    place.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place / ".retrain.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
