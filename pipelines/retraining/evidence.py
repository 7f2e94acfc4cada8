"""What the monitor found, as the decision takes it."""

import datetime
from collections.abc import Sequence

from ...components.drift_monitor.result import MonitorResult, WindowResult
from ...components.retraining.decision import Evidence, TrainingRun, learnt_rows


def make_evidence(
    result: MonitorResult, runs: Sequence[TrainingRun], labelled_rows: int, pushed_version: int
) -> Evidence:
    """Returns the evidence of the newest window that has enough rows, else of the newest.

    Args:
        result: `MonitorResult`.
        runs: sequence of `TrainingRun`, the oldest first.
        labelled_rows: int. All labelled rows there are.
        pushed_version: int. The model that was pushed last, 0 for none.
    """
    window = _newest(result)
    measured = next((one for one in reversed(_current(result)) if one.measured), None)
    start = created(result) if window is None else datetime.datetime.fromisoformat(window.start)
    reasons = [reason.name for reason in result.reasons if window and result.windows[reason.window] == window]
    return Evidence(
        start=start,
        verdict="too_few" if window is None else window.verdict,
        drifted=tuple(dict.fromkeys(reasons)),
        measured={name: one.value for name, one in measured.measured.items()} if measured else {},
        estimated={name: one.value for name, one in window.estimated.items()} if window else {},
        model_version=int(result.model) if result.model.isdecimal() else 0,
        pushed_version=pushed_version,
        labelled_rows=max(labelled_rows - learnt_rows(runs), 0),
    )


def newest_labelled(result: MonitorResult, least_rows: float) -> datetime.datetime:
    """Returns when the newest windows begin that have enough labels together, else the first with a label.

    Args:
        result: `MonitorResult`.
        least_rows: float. How many labels are enough.
    """
    start, rows = created(result), 0
    for window in reversed(_current(result)):
        if window.labels and rows < least_rows:
            start, rows = datetime.datetime.fromisoformat(window.start), rows + window.labels
    return start


def created(result: MonitorResult) -> datetime.datetime:
    """Returns when the monitor looked."""
    return datetime.datetime.fromisoformat(result.created)


def _current(result: MonitorResult) -> list[WindowResult]:
    return [window for window in result.windows if window.is_current]


def _newest(result: MonitorResult) -> WindowResult | None:
    windows = _current(result)
    return next((one for one in reversed(windows) if one.verdict != "too_few"), windows[-1] if windows else None)
