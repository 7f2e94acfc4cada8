from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from yachay.components.evaluation_report.analysis.trials import summarize_search
from yachay.components.evaluation_report.report import (
    CalibrationBin,
    ClassEvaluation,
    Classification,
    Comparison,
    Confusion,
    Curve,
    Data,
    Distribution,
    ErrorRow,
    ErrorTable,
    Estimate,
    Fairness,
    FairnessGroup,
    FeatureRow,
    Histogram,
    Importance,
    LeaderboardRow,
    Lineage,
    ModelCard,
    Note,
    OperatingPoints,
    Regression,
    Report,
    SliceEstimate,
    SliceRow,
    Threshold,
    Verdict,
    Window,
)
from yachay.components.text import Text
from yachay.components.tuner.record import Search
from yachay.schemas.search.mock import mock_search

LABELS = ("Dropout", "Enrolled", "Graduate")
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "base_rate")


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """Makes a small, true-shaped report of a classifier; `changes` replace its parts."""

    def make(labels: tuple[str, ...] = LABELS, num_slices: int = 12, **changes: Any) -> Report:
        return classification_report(labels, num_slices).model_copy(update=changes)

    return make


@pytest.fixture
def forecast() -> Report:
    """A small, true-shaped report of a forecast."""
    hours = tuple(f"{hour:02d}:00" for hour in range(24))
    truth = tuple(10 + 5 * float(np.sin(hour / 4)) for hour in range(24))
    rows = tuple(
        ErrorRow(
            value=str(horizon),
            rows=400,
            mae=estimate(0.8 + 0.1 * horizon),
            rmse=estimate(1.1 + 0.1 * horizon),
            bias=estimate(0.02 * horizon - 0.1),
            skill={"persistence": estimate(0.5 - 0.02 * horizon), "climatology": estimate(0.7 - 0.05 * horizon)},
        )
        for horizon in range(1, 13)
    )
    return Report(
        problem="regression",
        verdict=Verdict(
            is_blessed=True,
            is_synthetic=True,
            thresholds=(Threshold(metric="rmse", value=1.6, upper=2.0, is_met=True),),
        ),
        metrics={"rmse": estimate(1.6), "mae": estimate(1.2), "r2": estimate(0.8)},
        metric_directions={"rmse": "down", "mae": "down", "r2": "up"},
        slices=(SliceRow(slice={}, rows=4800, metrics={"rmse": estimate(1.6)}),),
        regression=Regression(
            unit="°C",
            residuals=Histogram(edges=(-4.0, -2.0, 0.0, 2.0, 4.0), counts=(10, 300, 310, 12)),
            actual=truth,
            predicted=tuple(value + 0.4 for value in truth),
            coverage=estimate(0.89),
            tables=(ErrorTable(by="horizon", rows=rows),),
            windows=(
                Window(
                    title="Station 7, 1 May",
                    x=hours,
                    actual=(None, *truth[1:]),
                    predicted=tuple(value + 0.4 for value in truth),
                    lower=tuple(value - 1 for value in truth),
                    upper=tuple(value + 2 for value in truth),
                ),
            ),
        ),
    )


def estimate(value: float | None, width: float = 0.05) -> Estimate:
    return Estimate(value=value) if value is None else Estimate(value=value, low=value - width, high=value + width)


def classification_report(labels: tuple[str, ...], num_slices: int) -> Report:
    metrics = {"accuracy": estimate(0.7901), "macro_f1": estimate(0.7036)}
    counts = tuple(tuple(40 if i == j else (3 * i + j) % 7 for j in range(len(labels))) for i in range(len(labels)))
    slices = [SliceRow(slice={}, rows=848, metrics=metrics)]
    for i in range(1, num_slices):
        name = {"Course": str(9000 + i)} if i % 3 else {"Gender": str(i % 2), "Course": str(9000 + i)}
        slices.append(
            SliceRow(slice=name, is_suppressed=True)
            if i == 5
            else SliceRow(
                slice=name,
                rows=12 + (37 * i) % 500,
                metrics={
                    "accuracy": estimate(0.5 + (7 * i % 40) / 100),
                    "macro_f1": estimate(0.4 + (11 * i % 50) / 100),
                },
            )
        )
    return Report(
        problem="classification",
        verdict=Verdict(
            is_blessed=False,
            is_synthetic=False,
            is_pushed=False,
            thresholds=(
                Threshold(metric="accuracy", value=0.7901, lower=0.76, upper=0.82, is_met=True, margin=0.0299),
                Threshold(
                    metric="macro_f1",
                    value=-0.0061,
                    lower=0.0,
                    is_met=False,
                    margin=-0.0061,
                    is_change=True,
                    failing_slices=(SliceEstimate(slice={"Course": "9119"}, rows=35, estimate=estimate(0.4301)),),
                ),
            ),
            comparisons=(
                Comparison(
                    metric="macro_f1",
                    candidate=0.7036,
                    baseline=0.7097,
                    difference=estimate(-0.0061, 0.02),
                    is_within_noise=True,
                ),
            ),
        ),
        metrics=metrics,
        metric_directions={"accuracy": "up", "macro_f1": "up"},
        slices=tuple(slices),
        fairness=tuple(fairness(column, label) for column in ("Gender", "Displaced") for label in labels[:3]),
        classification=Classification(
            labels=labels,
            confusion=Confusion(labels=labels, counts=counts),
            classes=tuple(class_evaluation(label, seed) for seed, label in enumerate(labels)),
            brier=estimate(0.293),
            log_loss=estimate(0.528),
            alert_label=labels[0],
            cost_false_positive=1.0,
            cost_false_negative=5.0,
        ),
        trials=summarize_search(Search.model_validate(mock_search())),
        leaderboard=(
            LeaderboardRow(name="linear", kind="candidate", metrics={"accuracy": 0.7901, "macro_f1": 0.7036}),
            LeaderboardRow(
                name="A paper",
                kind="anchor",
                metrics={"accuracy": 0.78},
                records="5 folds",
                caveat=Text(en="Other records.", es="Otros registros."),
                source="Realinho et al. (2022)",
            ),
        ),
        data=Data(
            source="UCI 697",
            licence="CC BY 4.0",
            rows={"read": 4424, "kept": 4424},
            split_rows={"train": 3576, "eval": 848},
            label_counts={"train": {"Dropout": 1171}, "eval": {"Dropout": 250}},
            features=(FeatureRow(name="GDP", kind="numeric", dtype="float32", domain="-5 – 5", is_required=True),),
            anomalies=("GDP: out of range",),
            distributions=(
                Distribution(
                    feature="GDP",
                    kind="numeric",
                    bins=("0 – 1", "1 – 2"),
                    shares={"train": (0.7, 0.3), "eval": (0.2, 0.8)},
                    missing_shares={"train": 0.0, "eval": 0.01},
                    distance=0.31,
                    distance_name="jensen_shannon",
                    threshold=0.1,
                ),
            ),
        ),
        importance=(Importance(feature="GDP", drop=estimate(0.0123, 0.004)),),
        importance_metric="macro_f1",
        lineage=Lineage(pipeline="student_dropout", task="semester2", run_id="20261121-0bb2", seed=42),
        card=ModelCard(title=Text(en="Who is at risk", es="Quién está en riesgo"), intended_use=Text(en="To help.")),
        notes=(Note(code="slices_suppressed", values={"count": 1, "rows": 10}),),
    )


def fairness(column: str, label: str) -> Fairness:
    groups = tuple(
        FairnessGroup(
            group={column: str(value)},
            rows=500,
            positives=120,
            rates={rate: estimate(0.3 + 0.2 * value) for rate in RATES},
        )
        for value in range(2)
    )
    small = FairnessGroup(group={column: "9"}, is_suppressed=True)
    return Fairness(
        columns=(column,),
        label=label,
        groups=(*groups, small),
        gaps={rate: estimate(0.2) for rate in RATES},
        ratios={rate: estimate(0.6) for rate in RATES},
    )


def class_evaluation(label: str, seed: int) -> ClassEvaluation:
    rng = np.random.default_rng(seed)
    is_positive = rng.random(300) < 0.3
    scores = np.clip(rng.normal(np.where(is_positive, 0.6, 0.3), 0.2), 0, 1)
    thresholds = np.linspace(0, 1, 101)
    alerted = scores[None, :] >= thresholds[:, None]
    true_positives = (alerted & is_positive).sum(axis=1)
    false_positives = (alerted & ~is_positive).sum(axis=1)
    points = OperatingPoints(
        thresholds=tuple(thresholds.tolist()),
        true_positives=tuple(true_positives.tolist()),
        false_positives=tuple(false_positives.tolist()),
        true_negatives=tuple((int((~is_positive).sum()) - false_positives).tolist()),
        false_negatives=tuple((int(is_positive.sum()) - true_positives).tolist()),
    )
    edges = tuple(np.linspace(0, 1, 11).tolist())
    curve = Curve(x=(0.0, 0.2, 1.0), y=(0.0, 0.8, 1.0))
    return ClassEvaluation(
        label=label,
        rows=int(is_positive.sum()),
        auc=estimate(0.9),
        average_precision=estimate(0.8),
        expected_calibration_error=estimate(0.03, 0.01),
        brier=estimate(0.1),
        precision=estimate(0.7),
        recall=estimate(0.6),
        f1=estimate(None),
        roc=curve,
        precision_recall=curve,
        gain=curve,
        calibration=(
            CalibrationBin(low=0.0, high=0.5, rows=200, mean_score=0.3, positive_rate=estimate(0.28)),
            CalibrationBin(low=0.5, high=1.0, rows=0, mean_score=None, positive_rate=estimate(None)),
        ),
        scores_positive=Histogram(edges=edges, counts=tuple(np.histogram(scores[is_positive], edges)[0].tolist())),
        scores_negative=Histogram(edges=edges, counts=tuple(np.histogram(scores[~is_positive], edges)[0].tolist())),
        operating_points=points,
    )
