"""Whether a training starts: a pure function of what the monitor found, the runs so far, the settings and the time.

A training starts where something calls for it and nothing speaks against it. That it cannot loop or start twice follows
from four rules: a window starts one training; a window that another model predicted than the last pushed one starts
none; labelled rows count once; and no training starts while one is at work, or too soon after the last.
"""

import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from ..evaluator.settings import Bounds
from .settings import RetrainSettings, read_duration

MAX_ATTEMPTS = 2
"""How often the training of a window is begun where the first one was interrupted: it goes on from what is finished."""

CLOCK_TOLERANCE = datetime.timedelta(minutes=5)
_WEEK = datetime.timedelta(days=7)
_SHOWN = 5

Outcome = Literal["claimed", "running", "succeeded", "failed", "interrupted"]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the monitor found in the newest window.

    Args:
        start: datetime with a time zone. When the window begins; the newest one may still be filling.
        verdict: string. `"quiet"`, `"drift"` or `"too_few"`.
        drifted: sequence of strings. What drifted: features and predictions.
        measured: mapping of metric to its value by labels.
        estimated: mapping of metric to its value without labels.
        model_version: int. The model that predicted the window.
        pushed_version: int. The model that was pushed last: seconds since 1970-01-01 UTC.
        labelled_rows: int. Labelled rows that no training has learnt from.
    """

    start: datetime.datetime
    verdict: str
    drifted: Sequence[str] = ()
    measured: Mapping[str, float] = dataclasses.field(default_factory=dict)
    estimated: Mapping[str, float] = dataclasses.field(default_factory=dict)
    model_version: int = 0
    pushed_version: int = 0
    labelled_rows: int = 0

    @property
    def window(self) -> str:
        """The name of the window."""
        return self.start.astimezone(datetime.UTC).isoformat(timespec="microseconds")


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """A training that was started for a window.

    Args:
        number: int. The first is 1.
        window: string.
        started: datetime with a time zone.
        triggers: tuple of strings. Why.
        outcome: `Outcome`.
        run_id: string. Of the run; empty before it is known.
        rows: int. All labelled rows that there were when it started.
    """

    number: int
    window: str
    started: datetime.datetime
    triggers: tuple[str, ...] = ()
    outcome: Outcome = "claimed"
    run_id: str = ""
    rows: int = 0

    def to_json(self) -> str:
        """Returns the run as a JSON object."""
        return json.dumps({**dataclasses.asdict(self), "started": self.started.isoformat()})

    @classmethod
    def from_json(cls, text: str | bytes) -> "TrainingRun":
        """Returns the run of a JSON object.

        Raises:
            ValueError: if it is none.
        """
        fields: dict[str, Any] = json.loads(text)
        return cls(
            **fields
            | {"started": datetime.datetime.fromisoformat(fields["started"]), "triggers": tuple(fields["triggers"])}
        )


@dataclasses.dataclass(frozen=True)
class Decision:
    """What was decided, for people and programs: one JSON line.

    Args:
        time: datetime with a time zone.
        window: string.
        starts: bool. Whether a training starts.
        reason: string. A sentence.
        triggers: tuple of strings. What calls for a training, also where none starts.
        model_version: int. The model that predicted the window.
        labelled_rows: int. Labelled rows that no training has learnt from.
        number: int. Of the run that starts; 0 where none does.
        run_id: string. Of the run, where it is known.
        outcome: string. Of the run, where it is known.
    """

    time: datetime.datetime
    window: str
    starts: bool
    reason: str
    triggers: tuple[str, ...] = ()
    model_version: int = 0
    labelled_rows: int = 0
    number: int = 0
    run_id: str = ""
    outcome: str = ""

    def to_json(self) -> str:
        """Returns the decision as one line."""
        fields = {**dataclasses.asdict(self), "time": self.time.isoformat(timespec="seconds")}
        return json.dumps(fields, ensure_ascii=False)


def decide(
    evidence: Evidence, runs: Sequence[TrainingRun], settings: RetrainSettings, now: datetime.datetime
) -> Decision:
    """Returns whether a training starts, and why or why not.

    Args:
        evidence: `Evidence`.
        runs: sequence of `TrainingRun`, the oldest first.
        settings: `RetrainSettings`.
        now: datetime with a time zone.
    """
    triggers = tuple(find_triggers(evidence, settings, now))
    against = _find_objection(evidence, runs, settings, now, triggers)
    return Decision(
        now,
        evidence.window,
        against is None,
        against or f"A training starts: {'; '.join(triggers)}.",
        triggers,
        evidence.model_version,
        evidence.labelled_rows,
        0 if against else (runs[-1].number if runs else 0) + 1,
    )


def learnt_rows(runs: Sequence[TrainingRun]) -> int:
    """Returns how many labelled rows there were at the last training that came to its end, or is at work."""
    return max((run.rows for run in runs if run.outcome in ("running", "succeeded")), default=0)


def find_triggers(evidence: Evidence, settings: RetrainSettings, now: datetime.datetime) -> Iterator[str]:
    """Yields what calls for a training."""
    when = settings.when
    if when.drift and evidence.verdict == "drift":
        shown = ", ".join(evidence.drifted[:_SHOWN])
        more = len(evidence.drifted) - _SHOWN
        yield f"drift of {shown}{f' and {more} more' if more > 0 else ''}" if shown else "drift"
    for kind, values, bounds in (
        ("measured", evidence.measured, when.measured),
        ("estimated", evidence.estimated, when.estimated),
    ):
        for metric, bound in bounds.items():
            if metric in values and (outside := _outside(values[metric], bound)):
                yield f"{kind} {metric} {values[metric]:.4g} {outside}"
    if when.labelled_rows and evidence.labelled_rows >= when.labelled_rows:
        yield f"{evidence.labelled_rows} new labelled rows of {when.labelled_rows}"
    if when.age and evidence.pushed_version and now - _pushed_at(evidence) >= read_duration(when.age):
        yield f"a model that is {(now - _pushed_at(evidence)).days} days old, of {when.age} at most"


def _find_objection(
    evidence: Evidence,
    runs: Sequence[TrainingRun],
    settings: RetrainSettings,
    now: datetime.datetime,
    triggers: Sequence[str],
) -> str | None:
    """Returns why no training starts, None where nothing speaks against it."""
    last = runs[-1] if runs else None
    if last and now < last.started - CLOCK_TOLERANCE:
        return (
            f"The clock is at {_text(now)}, before the last run, which started at {_text(last.started)}. Correct the "
            "clock; if it was wrong then, remove that run from the state."
        )
    if evidence.start > now + CLOCK_TOLERANCE:
        return f"The window of {_text(evidence.start)} is ahead of the clock, {_text(now)}. Correct the clocks."
    if last and last.outcome in ("claimed", "running"):
        return f"Run {last.number} of {_text(last.started)}{_named(last)} is at work."
    if not triggers:
        return f"Nothing calls for a training: the monitor's verdict is {evidence.verdict}."
    of_window = [run for run in runs if run.window == evidence.window]
    is_resumed = bool(of_window) and of_window[-1].outcome == "interrupted" and len(of_window) < MAX_ATTEMPTS
    if of_window and not is_resumed:
        return f"This window has had a training: run {of_window[-1].number}, {of_window[-1].outcome}."
    if evidence.model_version < evidence.pushed_version:
        return (
            f"The window is of model version {evidence.model_version}; version {evidence.pushed_version} was pushed "
            "since, and has none of its own yet."
        )
    if evidence.labelled_rows < settings.min_rows:
        return (
            f"There are {evidence.labelled_rows} labelled rows that no training has learnt from, of "
            f"{settings.min_rows} at least: nothing new to learn."
        )
    if is_resumed:
        return None
    if last and now - last.started < read_duration(settings.cooldown):
        return f"The last run started at {_text(last.started)}, less than the cooldown of {settings.cooldown} ago."
    recent = sum(now - run.started < _WEEK for run in runs)
    if recent >= settings.max_runs_a_week:
        return f"There were {recent} runs within a week, of {settings.max_runs_a_week} at most."
    return None


def _outside(value: float, bounds: Bounds) -> str:
    if bounds.lower is not None and value < bounds.lower:
        return f"below {bounds.lower:g}"
    if bounds.upper is not None and value > bounds.upper:
        return f"above {bounds.upper:g}"
    return ""


def _pushed_at(evidence: Evidence) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(evidence.pushed_version, datetime.UTC)


def _named(run: TrainingRun) -> str:
    return f" ({run.run_id})" if run.run_id else ""


def _text(time: datetime.datetime) -> str:
    return time.isoformat(timespec="seconds")
