"""The report from an evaluation, a model and the records it was evaluated on."""

from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...evaluator.baseline import difference
from ...evaluator.evaluation import Evaluation
from ...evaluator.labels import is_known, read_labels
from ...evaluator.metric import Metric
from ...evaluator.model import Model
from ...evaluator.predictions_file import StoredPredictions, read_predictions
from ...evaluator.records import key_values, split_keys
from ...evaluator.suppression import Slice as HiddenSlice
from ...example_validator.anomalies import find_anomalies
from ...features import Problem
from ...splitter import Splitter
from ...text import Text
from ...trainer.family import load_families
from ...trainer.metadata import read_metadata
from ..report import (
    Data,
    Fairness,
    Importance,
    LeaderboardRow,
    Lineage,
    ModelCard,
    Note,
    Report,
    SectionData,
    SliceRow,
    Verdict,
)
from ..section import SectionInputs, build_section
from ..settings import ReportConfig
from .classification import classification
from .distributions import TRAIN, distributions, feature_rows, label_counts, label_mean, label_quantiles
from .fairness import MAX_CLASSES, adjusted, fairness
from .gate import gate_metrics, in_one_line, read_gate
from .importance import dominant_share, permutation_importance
from .inputs import Inputs
from .leaderboard import baseline_predictions, constant_predictions, leaderboard, trivial_classifiers
from .predictions import Predictions, predict
from .regression import regression
from .resampling import MAX_RESAMPLES, Resamples, num_resamples
from .slices import hidden_parts, metric_values, slice_rows
from .trials import summarize_search
from .verdict import comparisons, thresholds


def build_report(inputs: Inputs, max_resamples: int = MAX_RESAMPLES) -> Report:
    """Returns the report of a model.

    What cannot be computed is left out, and a note says so; the candidate itself must predict.

    Args:
        inputs: `Inputs`.
        max_resamples: int. 0 gives numbers without intervals. Defaults to `MAX_RESAMPLES`.

    Raises:
        DataError: if there is no record.
        ModelError: if the candidate has no metadata or no signature for examples.
    """
    config = inputs.config
    notes: list[Note] = []
    if config.evaluation.is_out_of_fold:
        notes.append(Note(code="out_of_fold", values={"folds": config.evaluation.folds}))
    metadata = read_metadata(inputs.model_path)
    model = Model(inputs.model_path, config.task)
    gate = read_gate(inputs.evaluation, notes)
    stored = None if gate is None or inputs.evaluation is None else read_predictions(inputs.evaluation)
    predictions = _predict(inputs, model, metadata, stored, notes)
    # Most of it is loading the model, which takes one core; the resamples take what is left.
    with ThreadPoolExecutor(1) as beside:
        importance = beside.submit(_importance, inputs, model, metadata, predictions)
        report = _report(inputs, metadata, gate, predictions, importance, max_resamples, notes)
    return report.model_copy(update={"sections": _sections(inputs, predictions, report)}) if inputs.sections else report


def _report(
    inputs: Inputs,
    metadata: Mapping[str, Any],
    gate: Evaluation | None,
    predictions: Predictions,
    importance: Future[tuple[tuple[Importance, ...], list[Note]]],
    max_resamples: int,
    notes: list[Note],
) -> Report:
    config = inputs.config
    num_classes = max(len(config.task.label.values), 1)
    resamples = Resamples(
        len(predictions),
        min(num_resamples(len(predictions), num_classes), max_resamples),
        config.seed,
        predictions.clusters,
    )
    values = metric_values(config.metrics, predictions.labels, predictions.scores, resamples)
    metrics = gate_metrics(gate, config.metrics, values, predictions.labels, predictions.scores, resamples, notes)
    hidden = hidden_parts(
        predictions.columns,
        len(predictions),
        config.evaluation.slices,
        config.evaluation.fairness if config.task.problem is Problem.CLASSIFICATION else (),
        config.report.error_columns,
        config.evaluation.min_slice_rows,
    )
    slices = _slices(inputs, predictions, resamples, metrics, gate, hidden, notes)
    baseline_values = None
    if predictions.baseline_scores is not None:
        baseline_values = metric_values(config.metrics, predictions.labels, predictions.baseline_scores, resamples)
    baseline = dict(gate.baseline_metrics) if gate is not None and gate.baseline_metrics else {}
    if not baseline and baseline_values is not None:
        baseline = {name: float(resampled[0]) for name, resampled in baseline_values.items()}
    classifier, regressor = None, None
    groups: tuple[Fairness, ...] = ()
    if config.task.problem is Problem.CLASSIFICATION:
        classifier, more = classification(
            predictions.labels,
            predictions.scores,
            config.task.label.values,
            resamples,
            config.alert_label,
            (config.report.costs.false_positive, config.report.costs.false_negative),
        )
        notes += more
        groups = _fairness(config, predictions, resamples, hidden, notes)
    else:
        regressor = regression(
            predictions.labels,
            predictions.scores,
            resamples,
            config.task.label.quantiles,
            {name: predictions.columns[name] for name in config.report.error_columns if name in predictions.columns},
            _baselines(config, predictions),
            unit=config.report.unit,
            hidden=hidden,
            seed=config.seed,
        )
    trivial = _trivial(inputs, predictions, notes)
    importances, more = importance.result()
    notes += more
    return Report(
        problem=config.task.problem,
        verdict=Verdict(
            is_blessed=inputs.is_blessed,
            is_synthetic=config.is_synthetic,
            thresholds=thresholds(
                config,
                metrics,
                baseline,
                None if gate is None else gate.failures,
                slices,
                None if gate is None else gate.trivial_p_value,
                hidden,
            ),
            comparisons=()
            if baseline_values is None or predictions.baseline_scores is None
            else comparisons(
                config.metrics,
                values,
                baseline_values,
                predictions.labels,
                (predictions.scores, predictions.baseline_scores),
                resamples,
                gate,
            ),
            is_pushed=inputs.is_pushed,
            push_rejection=inputs.push_rejection,
            newest=inputs.newest,
        ),
        metrics=metrics,
        metric_directions={
            name: "up" if metric.higher_is_better else "down" for name, metric in config.metrics.items()
        },
        slices=slices,
        metric_titles={name: metric.title for name, metric in config.metrics.items()},
        family_titles=_family_titles(inputs, metadata),
        min_slice_rows=config.evaluation.min_slice_rows,
        fairness=groups,
        classification=classifier,
        regression=regressor,
        leaderboard=leaderboard(
            metadata["family"],
            {name: estimate.value for name, estimate in metrics.items()},
            baseline or None,
            metadata["leaderboard"],
            trivial,
            config.anchors,
        ),
        trials=None if inputs.search is None else summarize_search(inputs.search),
        data=_data(inputs, metadata, hidden),
        importance=importances,
        importance_metric=_importance_metric(config).name,
        lineage=_lineage(inputs, metadata),
        card=_card(config),
        notes=tuple(notes),
    )


def _family_titles(inputs: Inputs, metadata: Mapping[str, Any]) -> dict[str, Text]:
    used = {metadata["family"], *(line["family"] for line in metadata["leaderboard"])}
    used |= {trial.family for trial in inputs.search.trials} if inputs.search else set()
    families = load_families(inputs.config.task.extensions)
    return {name: family.title for name, family in families.items() if name in used}


def _sections(inputs: Inputs, predictions: Predictions, report: Report) -> tuple[SectionData, ...]:
    given = SectionInputs(
        task=inputs.config.task,
        labels=predictions.labels,
        predictions=predictions.scores,
        example_files=inputs.example_files,
        model_path=inputs.model_path,
        schema=inputs.schema,
        statistics=inputs.statistics,
        report=report,
        seed=inputs.config.seed,
        train_files=inputs.train_files,
        attachments=inputs.attachments,
    )
    problem = inputs.config.task.problem
    return tuple(build_section(section, given) for section in inputs.sections if problem in section.problems)


def _predict(
    inputs: Inputs, model: Model, metadata: Mapping[str, Any], stored: StoredPredictions | None, notes: list[Note]
) -> Predictions:
    config = inputs.config
    baseline = _baseline(inputs, notes)
    predictions = predict(
        inputs.example_files,
        None if config.evaluation.is_out_of_fold else model,
        baseline,
        config.task,
        config.columns,
        tuple(config.report.baselines.values()),
        stored,
    )
    if predictions.baseline_problem:
        notes.append(Note(code="baseline_unusable", values={"reason": predictions.baseline_problem}))
    if predictions.num_unknown_labels:
        notes.append(Note(code="records_without_label", values={"count": predictions.num_unknown_labels}))
    if predictions.num_not_finite:
        notes.append(Note(code="records_without_prediction", values={"count": predictions.num_not_finite}))
    if predictions.several_values:
        columns = ", ".join(predictions.several_values)
        notes.append(Note(code="columns_of_several_values", values={"columns": columns}))
    return predictions


def _baseline(inputs: Inputs, notes: list[Note]) -> Model | None:
    if inputs.baseline_path is None:
        if not inputs.config.evaluation.is_out_of_fold:
            notes.append(Note(code="baseline_missing"))
        return None
    try:
        other = difference(inputs.baseline_path, inputs.config.task)
        if other:
            notes.append(Note(code="baseline_of_other_labels", values={"difference": other}))
            return None
        return Model(inputs.baseline_path, inputs.config.task)
    except Exception as error:
        notes.append(Note(code="baseline_unusable", values={"reason": in_one_line(error)}))
        return None


def _slices(
    inputs: Inputs,
    predictions: Predictions,
    resamples: Resamples,
    metrics: Mapping[str, Any],
    gate: Evaluation | None,
    hidden: Collection[HiddenSlice],
    notes: list[Note],
) -> tuple[SliceRow, ...]:
    config = inputs.config
    overall = SliceRow(slice={}, rows=len(predictions), metrics=dict(metrics))
    rows = slice_rows(predictions, config.metrics, resamples, config.evaluation.slices, hidden, gate)
    found = (overall, *rows)
    absent = [name for name in config.columns if name not in {*predictions.columns, *predictions.several_values}]
    if absent:
        notes.append(Note(code="columns_absent", values={"columns": ", ".join(absent)}))
    if len(found) == 1:
        notes.append(Note(code="no_slices"))
    suppressed = sum(row.is_suppressed for row in found)
    if suppressed:
        notes.append(
            Note(code="slices_suppressed", values={"count": suppressed, "rows": config.evaluation.min_slice_rows})
        )
    return found


def _fairness(
    config: ReportConfig,
    predictions: Predictions,
    resamples: Resamples,
    hidden: Collection[HiddenSlice],
    notes: list[Note],
) -> tuple[Fairness, ...]:
    if not config.evaluation.fairness:
        notes.append(Note(code="no_fairness_columns"))
        return ()
    classes = {label: k for k, label in enumerate(config.task.label.values)}
    if len(classes) > MAX_CLASSES:
        alert = config.alert_label
        classes = {alert: classes[alert]}
        notes.append(
            Note(code="fairness_of_alert_label", values={"label": alert, "classes": len(predictions.scores[0])})
        )
    predicted = predictions.scores.argmax(axis=1)
    return adjusted(
        list(
            fairness(
                predictions.columns,
                config.evaluation.fairness,
                predictions.labels,
                predicted,
                classes,
                resamples,
                config.evaluation.min_slice_rows,
                hidden,
            )
        )
    )


def _trivial(inputs: Inputs, predictions: Predictions, notes: list[Note]) -> list[LeaderboardRow]:
    config, label = inputs.config, inputs.config.task.label
    labels, shape = predictions.labels, predictions.scores.shape
    if config.task.problem is Problem.CLASSIFICATION:
        counts = label_counts(inputs.statistics, label.name, label.values).get(TRAIN, {})
        known = np.array([counts.get(value, 0) for value in label.values], np.float64)
        if known.sum():
            return trivial_classifiers(config.metrics, labels, known / known.sum())
        notes.append(Note(code="train_labels_unknown"))
        return []
    rows = baseline_predictions(config.metrics, labels, shape, _baselines(config, predictions))
    mean, quantiles = (
        label_mean(inputs.statistics, label.name),
        label_quantiles(inputs.statistics, label.name, label.quantiles),
    )
    if mean is None or len(quantiles) < len(label.quantiles):
        notes.append(Note(code="train_labels_unknown"))
        return rows
    return [*constant_predictions(config.metrics, labels, shape, mean, quantiles), *rows]


def _baselines(config: ReportConfig, predictions: Predictions) -> dict[str, NDArray[np.float64]]:
    return {name: predictions.numbers[column] for name, column in config.report.baselines.items()}


def _card(config: ReportConfig) -> ModelCard:
    card = config.report.card
    task = card.tasks.get(config.task_name, Text())
    return ModelCard(
        title=Text(en=card.title.en or config.title, es=card.title.es),
        task=Text(en=task.en or config.description, es=task.es),
        intended_use=card.intended_use,
        limits=card.limits,
        ethics=card.ethics,
        licence=config.licence,
        contact=card.contact,
    )


def _data(inputs: Inputs, metadata: Mapping[str, Any], hidden: Collection[HiddenSlice]) -> Data:
    config = inputs.config
    label = config.task.label
    return Data(
        source=config.source,
        licence=config.licence,
        rows=dict(inputs.rows),
        split_rows={split: int(dataset.num_examples) for split, dataset in inputs.statistics.items()},
        label_counts=label_counts(inputs.statistics, label.name, label.values),
        features=feature_rows(
            inputs.schema,
            {name: kind.value for name, kind in config.task.features.items()},
            [feature["name"] for feature in metadata["features"]],
            config.excluded,
            inputs.original_names,
        ),
        anomalies=tuple(
            anomaly.outline
            for split, found in inputs.anomalies.items()
            for anomaly in find_anomalies(split, found, inputs.schema)
        ),
        distributions=tuple(distributions(inputs.statistics, inputs.schema, config.evaluation.min_slice_rows, hidden)),
        profile_page=Path(config.profile_page).name if config.profile_page else "",
    )


def _importance_metric(config: ReportConfig) -> Metric:
    change = config.evaluation.change
    return config.metrics[change.metric] if change is not None else next(iter(config.metrics.values()))


def _importance(
    inputs: Inputs, model: Model, metadata: Mapping[str, Any], predictions: Predictions
) -> tuple[tuple[Importance, ...], list[Note]]:
    config, metric = inputs.config, _importance_metric(inputs.config)
    notes: list[Note] = []
    table = predictions.sample_table()
    labels = read_labels(table, config.task)
    known = np.flatnonzero(is_known(labels, config.task))
    if len(known) < config.evaluation.min_slice_rows:
        reason = f"{len(known)} < {config.evaluation.min_slice_rows}"
        return (), [Note(code="importance_skipped", values={"reason": reason})]
    if len(known) < len(predictions):
        notes.append(Note(code="importance_of_sample", values={"rows": len(known), "of": len(predictions)}))
    split = config.task.split
    clusters = None
    if predictions.clusters is not None and split.key is not None:
        keys = key_values(table, split.key).take(pa.array(known))
        clusters = Splitter(split).periods(split_keys([keys], split))
    features = [feature["name"] for feature in metadata["features"]]
    found = permutation_importance(
        model, table.take(pa.array(known)), labels[known], features, metric, config.seed, clusters
    )
    if share := dominant_share(found):
        notes.append(Note(code="one_column", values={"column": found[0].feature, "percent": round(100 * share)}))
    return found, notes


def _lineage(inputs: Inputs, metadata: Mapping[str, Any]) -> Lineage:
    return inputs.lineage.model_copy(
        update={
            "pipeline": inputs.config.pipeline,
            "task": inputs.config.task_name,
            "family": metadata["family"],
            "code_version": metadata["versions"].get("yachay", ""),
            "seed": metadata["seed"],
            "parameters": metadata["hyperparameters"],
            "versions": metadata["versions"],
        }
    )
