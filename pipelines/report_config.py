"""What the evaluation report takes from a pipeline's configuration, as plain data."""

from fnmatch import fnmatchcase
from typing import Any

from .config.pipeline_config import PipelineConfig
from .config.report_settings import Anchor, Words

_ON_MOCK_DATA = Words(
    en="Measured on real records; this run's are synthetic, so the two do not compare.",
    es="Medido con registros reales; los de esta ejecución son sintéticos, así que no se comparan.",
)


def report_config(config: PipelineConfig, task: str, image: str = "") -> dict[str, Any]:
    """Returns what the component `EvaluationReport` takes: values that JSON knows, every key always there.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
        image: string. The container image of the step.
    """
    settings, asked = config.report, config.tasks[task]
    features = {name: kind.value for name, kind in config.task_features(task).items()}
    return {
        "pipeline": config.name,
        "task": task,
        "is_synthetic": config.is_synthetic,
        "problem": config.problem.value,
        "label": config.label.name,
        "label_values": list(config.label.values),
        "features": features,
        "excluded": _excluded(config, config.exclude | asked.exclude),
        "slices": config.evaluation.slices,
        "min_slice_rows": config.evaluation.min_slice_rows,
        "fairness": config.evaluation.fairness,
        "thresholds": {metric: bounds.model_dump() for metric, bounds in asked.thresholds.items()},
        "change": config.evaluation.change.model_dump() if config.evaluation.change else None,
        "seed": config.model.seed,
        "source": config.data.source,
        "licence": config.data.licence,
        "alert_label": settings.alert_label or next(iter(config.label.values), ""),
        "cost_false_positive": settings.costs.false_positive,
        "cost_false_negative": settings.costs.false_negative,
        "unit": settings.unit,
        "error_columns": settings.error_columns,
        "baseline_predictions": settings.baselines,
        "anchors": [_anchor(anchor, config.is_synthetic) for anchor in settings.anchors if anchor.task in (None, task)],
        "card": {
            "title": _or_english(settings.card.title, config.title),
            "task": _or_english(settings.card.tasks.get(task, Words()), asked.description),
            "intended_use": settings.card.intended_use.model_dump(),
            "limits": settings.card.limits.model_dump(),
            "ethics": settings.card.ethics.model_dump(),
            "licence": config.data.licence,
            "contact": settings.card.contact,
        },
        "image": image,
        "language": settings.language,
    }


def _excluded(config: PipelineConfig, reasons: dict[str, str]) -> dict[str, str]:
    """Returns `{column: reason}`: a pattern stands for the columns that it matches, a name also for one of no kind."""
    columns = [name for names in config.features.values() for name in names]
    matched = {name: reason for pattern, reason in reasons.items() for name in columns if fnmatchcase(name, pattern)}
    return matched | {name: reason for name, reason in reasons.items() if "*" not in name}


def _anchor(anchor: Anchor, is_synthetic: bool) -> dict[str, Any]:
    caveat = anchor.caveat.model_dump()
    if is_synthetic:
        caveat = {
            language: f"{words} {caveat[language]}".strip() for language, words in _ON_MOCK_DATA.model_dump().items()
        }
    return anchor.model_dump(exclude={"task"}) | {"caveat": caveat}


def _or_english(words: Words, english: str) -> dict[str, str]:
    return {"en": words.en or english, "es": words.es}
