"""What the monitor found, as `--json` prints it and the page shows it."""

from typing import Literal

from ..settings import Settings
from .settings import MonitorSettings

Verdict = Literal["quiet", "drift", "too_few"]
Decision = Literal["quiet", "slight", "drift", "too_few", "not_compared"]
"""`"slight"`: more than chance explains, and less than `min_distance` or `min_fall`; no alarm."""

Interval = tuple[float, float]


class Bin(Settings):
    """A bin of a distribution.

    Args:
        name: string. A category or an interval; `"(rare)"`, `"(new)"` and `"(missing)"` for the others.
        expected: float. Its share when the model was trained, or judged.
        found: float. Its share in the window.
    """

    name: str
    expected: float
    found: float


class Comparison(Settings):
    """A feature or an output of a window, compared with what the model was trained on, or judged on.

    Args:
        name: string. The feature; `"class"`, `"confidence"` or `"value"` of predictions.
        kind: string.
        distance: float or None. Jensen and Shannon's, 0 to 1, without what chance adds.
        interval: pair of floats or None. Of 95 %.
        raw_distance: float or None. Of the samples as they are.
        p_value: float or None. Adjusted for all comparisons of the call (Holm).
        missing: float or None. Share of rows without a value.
        missing_before: float or None. That of the training.
        unseen: float or None. Share of rows with a category that the training never saw.
        out_of_range: float or None. Share of rows outside the schema's bounds.
        decision: `Decision`.
        reason: string. Why it was not compared: `"not_logged"`, `"hashed"`, `"time"`.
        window: int. Index of the window among `MonitorResult.windows`.
        bins: tuple of `Bin`; of the features of the result itself, not of those of windows.
    """

    name: str
    kind: str
    distance: float | None = None
    interval: Interval | None = None
    raw_distance: float | None = None
    p_value: float | None = None
    missing: float | None = None
    missing_before: float | None = None
    unseen: float | None = None
    out_of_range: float | None = None
    decision: Decision = "not_compared"
    reason: str = ""
    window: int = 0
    bins: tuple[Bin, ...] = ()


class Performance(Settings):
    """A metric of a window.

    Args:
        value: float.
        interval: pair of floats or None. Of 95 %.
        reference: float or None. That of the evaluation before the push.
        rows: int. Predictions that it is of.
        p_value: float or None. Adjusted, that it is no worse than before; of measured metrics.
        decision: `Decision`. Of estimated metrics `"slight"` where the interval is on the worse side of the
            reference: they raise no alarm by themselves.
    """

    value: float
    interval: Interval | None = None
    reference: float | None = None
    rows: int
    p_value: float | None = None
    decision: Decision = "quiet"


class Group(Settings):
    """A group of one of the columns whose groups are watched apart.

    Args:
        column: string.
        group: string.
        rows: int.
        share: float. Of the window's rows.
        share_before: float. Of the records that the model was judged on.
        predictions: `Comparison` of its predictions with those of this group before.
        estimated: dict of metric to `Performance`; the accuracy alone.
        measured: dict of metric to `Performance`.
    """

    column: str
    group: str
    rows: int
    share: float
    share_before: float
    predictions: Comparison
    estimated: dict[str, Performance] = {}
    measured: dict[str, Performance] = {}


class WindowResult(Settings):
    """A window of the log of one model version.

    Args:
        version: string.
        start: string. ISO 8601, UTC.
        end: string.
        is_complete: bool. Whether no more rows are to come.
        is_current: bool. Whether it is of the newest version, whose windows alone decide the verdict.
        rows: int.
        labels: int. Rows whose label is known.
        verdict: `Verdict`.
        features: tuple of `Comparison`.
        predictions: tuple of `Comparison`.
        groups: tuple of `Group`.
        estimated: dict of metric to `Performance`.
        measured: dict of metric to `Performance`.
    """

    version: str
    start: str
    end: str
    is_complete: bool
    is_current: bool
    rows: int
    labels: int
    verdict: Verdict
    features: tuple[Comparison, ...] = ()
    predictions: tuple[Comparison, ...] = ()
    groups: tuple[Group, ...] = ()
    estimated: dict[str, Performance] = {}
    measured: dict[str, Performance] = {}


class Reason(Settings):
    """One reason of the verdict.

    Args:
        kind: `"feature"`, `"prediction"`, `"group"` or `"measured"`.
        name: string. The feature, output, `column=group` or metric.
        window: int. Index of the window.
        distance: float or None.
        value: float or None. Of a metric.
        reference: float or None. Of a metric.
    """

    kind: Literal["feature", "prediction", "group", "measured"]
    name: str
    window: int
    distance: float | None = None
    value: float | None = None
    reference: float | None = None


class LabelCounts(Settings):
    """What became of the labels.

    Args:
        given: int. Distinct keys with a label.
        matched: int. Of them those of a logged prediction.
        unknown: int. Of them those of none.
        corrected: int. Rows that a later one of the same key replaced.
        invalid: int. Rows without a key, or whose label is none.
        ambiguous: int. Predictions of requests of several rows, whose labels lack `prediction_row`.
    """

    given: int
    matched: int
    unknown: int
    corrected: int
    invalid: int
    ambiguous: int


class MonitorResult(Settings):
    """What the monitor found.

    Args:
        verdict: `Verdict`. `"drift"` where a window of the newest version has one; `"too_few"` where none has enough
            rows.
        model: string. The newest version in the log, which decides.
        push_uri: string. Its push; empty where a file was given.
        log_uri: string.
        created: string. ISO 8601, UTC.
        settings: `MonitorSettings`.
        rows: int. Rows in windows.
        windows: tuple of `WindowResult`, by version and time.
        features: tuple of `Comparison` of the window in which each feature moved farthest, the farthest first.
        predictions: likewise, of predictions.
        groups: tuple of `Group` of the newest window that has enough rows.
        estimated: dict of metric to `Performance` of the newest window that has enough rows.
        measured: dict of metric to `Performance` of the newest window that has enough labels.
        reasons: tuple of `Reason` of the verdict, the newest window first.
        labels: `LabelCounts` or None.
        warnings: tuple of strings: `"miscalibrated"`, `"covariate_shift"`, `"new_values"`. Why estimated metrics may
            be wrong.
        problems: tuple of strings. What could not be read or judged, a sentence each.
        page_uri: string or None.
        error: string or None.
    """

    verdict: Verdict
    model: str
    push_uri: str = ""
    log_uri: str
    created: str
    settings: MonitorSettings
    rows: int
    windows: tuple[WindowResult, ...]
    features: tuple[Comparison, ...] = ()
    predictions: tuple[Comparison, ...] = ()
    groups: tuple[Group, ...] = ()
    estimated: dict[str, Performance] = {}
    measured: dict[str, Performance] = {}
    reasons: tuple[Reason, ...] = ()
    labels: LabelCounts | None = None
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    page_uri: str | None = None
    error: str | None = None

    def to_json(self) -> str:
        """Returns one JSON object."""
        return self.model_dump_json(indent=2)
