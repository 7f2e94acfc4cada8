"""The evaluation of a model as data: all that the page and `report.json` show.

Numbers that cannot be computed are None, never NaN, and `Report.notes` says why.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from ..features import Problem
from ..text import Text

REPORT_FORMAT = 1

COMPARISON = "comparison"
"""The property of a blessing that holds a `NewestComparison`."""

SliceName = dict[str, str]
"""`{column: value}`; empty for all records."""


class Part(BaseModel):
    """A part of the report: frozen, without unknown fields, without NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Note(Part):
    """Something that the page lacks, or that its reader should know.

    Args:
        code: string. Key of the sentence in the page's table of texts.
        values: dict. What the sentence names.
    """

    code: str
    values: dict[str, str | int | float] = {}


class Estimate(Part):
    """A number with its 95 % interval, where there is one.

    Args:
        is_too_few: bool. Whether the number has no interval because the records are too few for a sound one.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    is_too_few: bool = False


class SliceEstimate(Part):
    """A metric of one slice."""

    slice: SliceName
    rows: int
    estimate: Estimate


class Threshold(Part):
    """A bound of the gate.

    Args:
        metric: string.
        value: float or None. What the gate compared: the metric, or its difference to the baseline where `is_change`.
        lower: float or None. Lowest value with which a model is blessed.
        upper: float or None. Highest such value.
        reason: string. Why the bound stands, in the words of the configuration.
        is_met: bool. As the gate decided.
        margin: float or None. Distance to the nearer bound, negative beyond it.
        is_change: bool. Whether the bound is on the difference to the last blessed model.
        slice: `SliceName` that the bound is on; values that may not be shown are "…".
        failing_slices: slices whose own value lies beyond the bound (for the reader; the gate judges `slice` alone),
            the worst first.
    """

    metric: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    reason: str = ""
    is_met: bool
    margin: float | None = None
    is_change: bool = False
    slice: SliceName = {}
    failing_slices: tuple[SliceEstimate, ...] = ()


class Comparison(Part):
    """A metric of the candidate beside that of the last blessed model, on the same records.

    Args:
        difference: `Estimate`. Candidate less baseline; the interval is of paired resamples.
        is_within_noise: bool or None. Whether the interval holds 0.
    """

    metric: str
    candidate: float | None
    baseline: float | None
    difference: Estimate
    is_within_noise: bool | None


class NewestComparison(Part):
    """A candidate and the champion on the newest labelled rows: what `ChampionGate` decided.

    Args:
        passes: bool. Whether the candidate may be pushed.
        reason: string. A sentence.
        metric: string. By which they were compared; empty where they were not.
        candidate: float or None. Its value of the candidate.
        champion: float or None. Likewise of the champion.
        rows: int. Rows that both were compared on.
    """

    passes: bool
    reason: str
    metric: str = ""
    candidate: float | None = None
    champion: float | None = None
    rows: int = 0


class Verdict(Part):
    """Whether the model was blessed, and by what.

    Args:
        is_blessed: bool or None. By the gate, and by the champion gate where there is one.
        newest: `NewestComparison` or None. Of a retraining.
    """

    is_blessed: bool | None
    is_synthetic: bool
    thresholds: tuple[Threshold, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    is_pushed: bool | None = None
    push_rejection: str = ""
    newest: NewestComparison | None = None


class SliceRow(Part):
    """A line of the slice table.

    Args:
        slice: `SliceName`; of two columns and more for crossed slices.
        rows: int or None. None where the slice is suppressed.
        metrics: dict of metric to `Estimate`; empty where the slice is suppressed.
        is_suppressed: bool. Whether the slice has fewer records than may be shown, or such a slice would follow from
            it: see `evaluator.suppression`.
    """

    slice: SliceName
    rows: int | None = None
    metrics: dict[str, Estimate] = {}
    is_suppressed: bool = False


class FairnessGroup(Part):
    """Rates of a group.

    Args:
        rows: int or None. None where the group is suppressed, as a slice is.
        rates: dict of rate (`selection_rate`, `true_positive_rate`, `false_positive_rate`, `precision`, `base_rate`) to
            `Estimate`; empty where suppressed.
    """

    group: SliceName
    rows: int | None = None
    positives: int | None = None
    rates: dict[str, Estimate] = {}
    is_suppressed: bool = False


class AlikeTest(Part):
    """Whether a rate may be the same in all groups.

    Args:
        p_value: float. Of Pearson's test, exact where counts are small.
        adjusted_p_value: float. The same, for all tests of the report together (Holm's method).
    """

    p_value: float
    adjusted_p_value: float


class Fairness(Part):
    """Rates of the groups of one column, or of crossed ones, with one class as the positive one.

    Args:
        columns: tuple of column names.
        label: string. The class that counts as positive: one record is selected where it is predicted.
        groups: tuple of `FairnessGroup`.
        gaps: dict of rate to `Estimate` of the largest less the smallest among groups that are not suppressed. The
            interval holds for all pairs of groups together, since these two were chosen among them.
        ratios: dict of rate to `Estimate` of the smallest over the largest. Below .8 a `selection_rate` breaks the
            four-fifths rule (29 CFR 1607.4 D). The interval likewise.
        alike: dict of rate to `AlikeTest` of those groups.
    """

    columns: tuple[str, ...]
    label: str
    groups: tuple[FairnessGroup, ...]
    gaps: dict[str, Estimate] = {}
    ratios: dict[str, Estimate] = {}
    alike: dict[str, AlikeTest] = {}


class Curve(Part):
    """Points of a curve, thinned to about 200."""

    x: tuple[float, ...]
    y: tuple[float, ...]


class CalibrationBin(Part):
    """Records whose score lies between `low` and `high`: their mean score and the share that is of the class."""

    low: float
    high: float
    rows: int
    mean_score: float | None
    positive_rate: Estimate


class OperatingPoints(Part):
    """Counts at thresholds in ascending order: a record is alerted where its score >= the threshold."""

    thresholds: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    true_negatives: tuple[int, ...]
    false_negatives: tuple[int, ...]


class Histogram(Part):
    """Counts between ascending edges, one fewer than the edges."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class ClassEvaluation(Part):
    """One class against the rest.

    Args:
        roc: `Curve` of the true over the false positive rate.
        precision_recall: `Curve` of precision over recall.
        gain: `Curve` of the share of the class that is reached over the share of records that is alerted.
        calibration: tuple of `CalibrationBin`.
        expected_calibration_error: `Estimate`, with equal-width bins (Naeini et al., AAAI 2015).
        brier: `Estimate`. Mean squared difference of score and membership.
        scores_positive: `Histogram` of the scores of the class's records; `scores_negative` likewise of the rest.
    """

    label: str
    rows: int
    auc: Estimate
    average_precision: Estimate
    expected_calibration_error: Estimate
    brier: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate
    roc: Curve | None = None
    precision_recall: Curve | None = None
    gain: Curve | None = None
    calibration: tuple[CalibrationBin, ...] = ()
    scores_positive: Histogram | None = None
    scores_negative: Histogram | None = None
    operating_points: OperatingPoints | None = None


class Confusion(Part):
    """Counts of records: rows are true classes, columns predicted ones. Classes beyond a limit are folded into one."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Classification(Part):
    """What is shown of a classifier.

    Args:
        alert_label: string. The class that the threshold slider starts with.
        cost_false_positive: float. Cost of an alert too many, in units of the user; the slider's default.
        cost_false_negative: float. Cost of a record of the class that is not alerted.
        brier: `Estimate`. Sum over the classes of squared differences, mean over records (Brier, 1950).
        log_loss: `Estimate`.
    """

    labels: tuple[str, ...]
    confusion: Confusion
    classes: tuple[ClassEvaluation, ...]
    brier: Estimate
    log_loss: Estimate
    alert_label: str
    cost_false_positive: float = 1.0
    cost_false_negative: float = 1.0


class ErrorRow(Part):
    """Errors of one step ahead, or of the records of one hour, season or other group.

    Args:
        skill: dict of baseline to `Estimate` of `1 - rmse / rmse of the baseline`.
        coverage: `Estimate` or None. Share of values between the first and the last quantile.
    """

    value: str
    rows: int
    mae: Estimate
    rmse: Estimate
    bias: Estimate
    skill: dict[str, Estimate] = {}
    coverage: Estimate | None = None


class ErrorTable(Part):
    """Errors by one column (`horizon`, `hour`, `season`, ...), in the order of the rows."""

    by: str
    rows: tuple[ErrorRow, ...]


class Window(Part):
    """A stretch of truth and forecast; `lower` and `upper` are empty where the model gives no interval."""

    title: str
    x: tuple[str, ...]
    actual: tuple[float | None, ...]
    predicted: tuple[float | None, ...]
    lower: tuple[float | None, ...] = ()
    upper: tuple[float | None, ...] = ()


class Regression(Part):
    """What is shown of a regression or a forecast.

    Args:
        unit: string. Unit of the target, or empty.
        residuals: `Histogram` of prediction less truth.
        actual: tuple of floats. Truth of a sample of records; `predicted` likewise what the model says of them.
        coverage: `Estimate` or None. Share of values between the first and the last quantile.
        nominal_coverage: float or None. What it should be: the difference of the two.
        tables: tuple of `ErrorTable`.
        windows: tuple of `Window`.
    """

    unit: str = ""
    residuals: Histogram | None = None
    actual: tuple[float, ...] = ()
    predicted: tuple[float, ...] = ()
    coverage: Estimate | None = None
    nominal_coverage: float | None = None
    tables: tuple[ErrorTable, ...] = ()
    windows: tuple[Window, ...] = ()


class LeaderboardRow(Part):
    """A line of the leaderboard.

    Args:
        kind: `"candidate"`, `"baseline"` (the last blessed model), `"family"` (others trained beside the candidate),
            `"trivial"` (no model at all) or `"anchor"` (a published reference result).
        records: string. What the figures were measured on: `"eval"`, `"validation"`, or what the result names.
        caveat: `Text`. Why the line may not compare.
        source: string. Citation of a reference result.
    """

    name: str
    kind: Literal["candidate", "baseline", "family", "trivial", "anchor"]
    metrics: dict[str, float | None]
    records: str = "eval"
    caveat: Text = Text()
    source: str = ""


class TrialRow(Part):
    """A trial of a search for hyperparameters.

    Args:
        source: `"configuration"`, `"random"`, `"bayesian"` or `"hyperband"`. What proposed it.
        parameters: dict of what the search varies to its value here.
        status: string. See `tuner.record.Status`.
        score: float or None. Mean of the objective over its folds.
        folds: tuple of floats or None. The objective on each inner fold, as far as it got.
        message: string. Why it was stopped or failed; else empty.
    """

    number: int
    source: Literal["configuration", "random", "bayesian", "hyperband"]
    family: str
    parameters: dict[str, JsonValue]
    status: Literal["completed", "stopped", "out_of_time", "failed"]
    score: float | None
    folds: tuple[float | None, ...]
    seconds: float
    message: str = ""


class ParameterEffect(Part):
    """How much of the differences between trials goes with one parameter.

    Args:
        name: string. A hyperparameter, an option of the training, or `"family"`.
        family: string. The family whose hyperparameter it is; else empty.
        trials: int. Those that it was seen in.
        share: float in [0, 1]. The share of the variance of scores that it explains alone, less what chance would.
        is_range: bool. Whether `good` is the least and the greatest value among the best third of the trials; else it
            is all of theirs.
    """

    name: str
    family: str
    trials: int
    share: float
    is_range: bool
    good: tuple[JsonValue, ...]


class Trials(Part):
    """A search for hyperparameters by inner folds of the training records.

    Args:
        best: int. The number of the best trial.
        taken: int. The number of the trial that was trained: the best, or the configuration where the lead of the best
            may be chance.
        configured: float or None. The score of the configuration as it is.
        p_value: float or None. Of the lead of the best trial over the configuration; None where they are one.
        keep_level: float. At most so much of `p_value` is asked for.
        trials: tuple of `TrialRow`, in the order of their numbers.
        effects: tuple of `ParameterEffect`, the largest first; empty of too few trials.
    """

    objective: str
    higher_is_better: bool
    oracle: str
    num_folds: int
    num_records: int
    seconds: float
    num_resumed: int = 0
    best: int
    taken: int
    configured: float | None = None
    p_value: float | None = None
    keep_level: float
    trials: tuple[TrialRow, ...]
    effects: tuple[ParameterEffect, ...] = ()

    @property
    def ranked(self) -> list[TrialRow]:
        """The trials that completed, the best first, then the others likewise."""
        sign = -1 if self.higher_is_better else 1

        def rank(trial: TrialRow) -> tuple[bool, bool, float, int]:
            score = 0.0 if trial.score is None else sign * trial.score
            return trial.status != "completed", trial.score is None, score, trial.number

        return sorted(self.trials, key=rank)

    @property
    def best_so_far(self) -> list[tuple[int, float]]:
        """The best score up to each trial that completed, and up to the last trial, with its number."""
        found: list[tuple[int, float]] = []
        better = max if self.higher_is_better else min
        for trial in self.trials:
            if trial.status == "completed" and trial.score is not None:
                found.append((trial.number, better([trial.score, *(score for _, score in found[-1:])])))
        return [*found, (self.trials[-1].number, found[-1][1])] if found else []


class FeatureRow(Part):
    """A column of the schema."""

    name: str
    original_name: str = ""
    kind: str = ""
    dtype: str = ""
    domain: str = ""
    is_required: bool = False
    is_used: bool = True
    excluded_because: str = ""


class Distribution(Part):
    """The values of a column in the splits, side by side.

    Args:
        bins: tuple of strings. Values, or intervals for numbers. Values of few records are one bin, and numbers have
            none where a slice of theirs is suppressed.
        shares: dict of split to the share of records in each bin.
        missing_shares: dict of split to the share of records without a value; a split with few such records has none.
        distance: float or None. Between `train` and `eval`.
        distance_name: `"l_infinity"` (largest difference of shares: categories) or `"jensen_shannon"` (divergence in
            bits, 0 to 1: numbers), as in TFDV.
        threshold: float or None. The schema's comparator for it.
    """

    feature: str
    kind: Literal["numeric", "categorical"]
    bins: tuple[str, ...]
    shares: dict[str, tuple[float, ...]]
    missing_shares: dict[str, float] = {}
    distance: float | None = None
    distance_name: str = ""
    threshold: float | None = None


class Data(Part):
    """The records behind the evaluation.

    Args:
        profile_page: string. Name of the file beside the page that shows what the data held when the pipeline was made;
            empty for none.
    """

    source: str = ""
    licence: str = ""
    rows: dict[str, int] = {}
    split_rows: dict[str, int] = {}
    label_counts: dict[str, dict[str, int]] = {}
    features: tuple[FeatureRow, ...] = ()
    anomalies: tuple[str, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    profile_page: str = ""


class Importance(Part):
    """How much of a metric is lost where a feature's values are shuffled among records."""

    feature: str
    drop: Estimate


class SectionData(Part):
    """A section of a system's own.

    Args:
        name: string. Also the section's anchor on the page.
        title: `Text`.
        data: JSON. What the section made of the evaluation.
        problem: string. Why there is none; empty where there is.
    """

    name: str
    title: Text
    data: JsonValue = None
    problem: str = ""


class Lineage(Part):
    """What made the model and from what."""

    pipeline: str = ""
    task: str = ""
    run_id: str = ""
    created: str = ""
    data_fingerprint: str = ""
    span: str = ""
    model_uri: str = ""
    pushed_model_uri: str = ""
    family: str = ""
    code_version: str = ""
    image: str = ""
    seed: int | None = None
    parameters: dict[str, Any] = {}
    versions: dict[str, str] = {}
    node_seconds: dict[str, float] = {}


class ModelCard(Part):
    """What the model is for, in words."""

    title: Text = Text()
    task: Text = Text()
    intended_use: Text = Text()
    limits: Text = Text()
    ethics: Text = Text()
    licence: str = ""
    contact: str = ""


class Report(Part):
    """The evaluation of a model.

    Args:
        metrics: dict of metric to `Estimate` over all records; the values are the gate's own.
        metric_directions: dict of metric to `"up"` or `"down"`: which way is better.
        metric_titles: dict of metric to `Text`.
        family_titles: dict of model family of the leaderboard to `Text`.
        trials: `Trials` or None. The search for hyperparameters before the training, where there was one.
        sections: tuple of `SectionData`, of the system's own `report.py`.
        slices: tuple of `SliceRow`, the overall one first.
        min_slice_rows: int. Slices with fewer records show no rates.
        importance_metric: string. The metric of `importance`.
        notes: tuple of `Note`. What is missing and why.
    """

    format: int = REPORT_FORMAT
    problem: Problem
    verdict: Verdict
    metrics: dict[str, Estimate]
    metric_directions: dict[str, Literal["up", "down"]] = {}
    metric_titles: dict[str, Text] = {}
    family_titles: dict[str, Text] = {}
    slices: tuple[SliceRow, ...] = ()
    min_slice_rows: int = 10
    fairness: tuple[Fairness, ...] = ()
    classification: Classification | None = None
    regression: Regression | None = None
    leaderboard: tuple[LeaderboardRow, ...] = ()
    trials: Trials | None = None
    data: Data = Data()
    importance: tuple[Importance, ...] = ()
    importance_metric: str = ""
    sections: tuple[SectionData, ...] = ()
    lineage: Lineage = Lineage()
    card: ModelCard = ModelCard()
    notes: tuple[Note, ...] = ()
