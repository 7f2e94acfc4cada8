"""What of a configuration cannot be true at once, and what of it the schema contradicts: all of it, before any work."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ...components.evaluator.metric import Metric, metrics_of, task_metrics
from ...components.evaluator.settings import EvaluationSettings
from ...components.features import FeatureKind, Problem
from ...components.prediction_task import Label, PredictionTask
from ...components.settings import require_known
from ...components.trainer.family import load_families
from ...components.tuner.settings import find_tuning_problems
from ...errors import suggestion
from .recommend_checks import find_recommend_problems

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

    from .pipeline_config import PipelineConfig
    from .task_settings import Task

_NUMBERS = (FeatureKind.NUMERIC, FeatureKind.ORDINAL, FeatureKind.BOOLEAN)
_CODED = (FeatureKind.CATEGORICAL, FeatureKind.ORDINAL, FeatureKind.BOOLEAN)
_MAX_NAMED = 5


def find_contradictions(config: "PipelineConfig", schema: "schema_pb2.Schema | None" = None) -> list[str]:
    """Returns what contradicts itself, each as `field: what was expected and received`.

    Args:
        config: `PipelineConfig`, whose fields are right one by one.
        schema: `Schema` or None. The curated schema; None checks the configuration alone.
    """
    found = [
        *_prediction(config, schema),
        *_tasks(config),
        *_pipelines(config),
        *_schedules(config),
        *_sections(config),
        *_out_of_fold(config),
        *_code_names(config, schema),
        *find_recommend_problems(config, schema),
    ]
    if schema is not None:
        found += [*_unknown_columns(config, schema), *_kinds(config, schema)]
    for name, task in config.tasks.items():
        if task.problem or task.label or task.family:
            own = _prediction(config.for_task(name).model_copy(update=_inherited(config, task)), schema)
            found += [f"tasks.{name}: {line}" for line in own if line not in found]
    return list(dict.fromkeys(found))


def _prediction(config: "PipelineConfig", schema: "schema_pb2.Schema | None") -> Iterator[str]:
    """Yields what contradicts the problem and the label of a configuration, or of a task's view of it."""
    yield from _label_and_features(config)
    yield from _model_and_change(config)
    if schema is not None:
        yield from _unknown_label(config, schema)
        yield from _label_in_schema(config, schema)


def _inherited(config: "PipelineConfig", task: "Task") -> dict[str, Any]:
    return {"evaluation": config.evaluation.model_copy(update={"change": None})} if task.change else {}


def _label_and_features(config: "PipelineConfig") -> Iterator[str]:
    columns, label = config.columns, config.label
    if doubled := sorted({name for name in columns if columns.count(name) > 1}):
        yield f"features: expected each column once, received {', '.join(doubled)} twice"
    if label.name in columns:
        yield f"features: expected inputs only, received the label {label.name!r}"
    if label.cut_of in columns:
        yield f"features: expected no {label.cut_of!r}, for the label is a cut of it. Take it out"
    for name in columns:
        if name in config.never_inputs:
            yield f"features: expected no {name!r}, for `never_inputs` says: {config.never_inputs[name]}. Take it out"
    if config.problem is Problem.CLASSIFICATION:
        if len(label.values) < 2:
            yield "label.values: expected at least two classes for a classification"
        if label.quantiles:
            yield "label.quantiles: expected none, for a classification has no quantiles"
        if label.cut_share is not None and config.evaluation.method != "out_of_fold":
            yield (
                "label.cut_share: expected `evaluation.method: out_of_fold` with it, for a part that is held out has "
                f"the classes of the data, received {config.evaluation.method}"
            )
    else:
        if label.values:
            yield f"label.values: expected none, for a {config.problem} has no classes"
        if label.cut_of is not None:
            yield f"label.cut_of: expected none, for a {config.problem} has no classes"
    if config.problem is not Problem.FORECAST and label.steps != 1:
        yield f"label.steps: expected 1, for a {config.problem} predicts one value"
    for pattern in _exclusions(config):
        if "*" in pattern and not any(fnmatchcase(name, pattern) for name in columns):
            yield f"exclude: the pattern {pattern!r} matches no feature"


def _tasks(config: "PipelineConfig") -> Iterator[str]:
    if config.default_task not in config.tasks:
        yield f"default_task: expected one of {', '.join(config.tasks)}, received {config.default_task!r}"
    for name in config.tuned:
        yield from _caught(require_known, "tuned", name, config.tasks)
    for name, task in config.tasks.items():
        if not config.task_features(name):
            yield f"tasks.{name}: expected at least one feature, all are excluded"
        for first, second in _same_but_for_case(config.task_features(name)):
            yield (
                f"tasks.{name}: expected features whose names differ in more than case, for a signature has one of "
                f"them only, received {first!r} and {second!r}. Exclude one, or rename its column"
            )
        own = EvaluationSettings(thresholds=task.thresholds, change=task.change)
        yield from own.problems(_metrics(config.for_task(name)), f"tasks.{name}.")
        is_own = bool(task.problem or task.label or task.family or task.objective)
        for line in _hyperparameters(config, name):
            yield line if line.startswith("tune.") and not is_own else f"tasks.{name}: {line}"


def _hyperparameters(config: "PipelineConfig", task: str) -> Iterator[str]:
    families = load_families(config.extensions)
    view = config.for_task(task)
    if wrong := list(_caught(view.model.check, families, view.problem, view.label)):
        # Of the common ones `model` says it.
        own = config.tasks[task]
        yield from wrong if own.hyperparameters or own.family or task in config.tuned else ()
        return
    classes = view.label.values if view.problem is Problem.CLASSIFICATION else ()
    inputs = config.task_features(task)
    yield from _caught(view.model.check_inputs, families, inputs, len(classes))
    able = {name: family for name, family in families.items() if family.can_predict(view.problem, view.label)}
    yield from find_tuning_problems(view.tune, view.model, families, able, _metrics(view), inputs, classes)


def _model_and_change(config: "PipelineConfig") -> Iterator[str]:
    families = load_families(config.extensions)
    yield from _caught(config.model.check, families, config.problem, config.label)
    yield from config.evaluation.problems(_metrics(config), "evaluation.")


def _pipelines(config: "PipelineConfig") -> Iterator[str]:
    for name in sorted(config.pipelines.keys() & config.profiles.keys()):
        yield f"pipelines: expected names that are no profile's, received {name!r}, which is both"


def _schedules(config: "PipelineConfig") -> Iterator[str]:
    for name in config.schedules:
        if name not in config.pipelines:
            known = ", ".join(config.pipelines)
            yield f"schedules: expected pipelines ({known}), received {name!r}.{suggestion(name, config.pipelines)}"


def _out_of_fold(config: "PipelineConfig") -> Iterator[str]:
    if not config.evaluation.is_out_of_fold:
        return
    if config.split.method == "time":
        yield (
            "evaluation.method: expected 'holdout' with a split by time, whose first records are in no fold that is "
            "held out, received 'out_of_fold'"
        )
    yield from _caught(config.model.require_family)
    if config.engine == "beam":
        yield "engine: expected 'auto' or 'arrays', for out-of-fold predictions are not evaluated by Beam"
    changes = {"evaluation": config.evaluation.change}
    changes |= {f"tasks.{name}": task.change for name, task in config.tasks.items()}
    for field, change in changes.items():
        if change is not None:
            yield (
                f"{field}.change: expected none with evaluation.method 'out_of_fold', for the last blessed model has "
                "seen all records"
            )


def _sections(config: "PipelineConfig") -> Iterator[str]:
    if config.deploy.from_pipeline:
        yield from _caught(config.deploy.check_store, config.push.store)
    patterns = _exclusions(config)
    known = dict.fromkeys([*config.columns, *(pattern for pattern in patterns if "*" not in pattern)])
    views = {name: config.for_task(name) for name in config.tasks}
    labels = dict.fromkeys(value for view in views.values() for value in view.label.values)
    has_numbers = any(view.problem is not Problem.CLASSIFICATION for view in views.values())
    metrics = {name: _metrics(view) for name, view in views.items()}
    yield from _caught(config.report.check, labels, has_numbers, known, metrics)


def _metrics(config: "PipelineConfig") -> Mapping[str, Metric]:
    """Returns the metrics of the problem that fit the label, as far as the label fits the problem."""
    label = config.label.model_dump(include={"name", "quantiles"})
    if config.problem is Problem.CLASSIFICATION:
        label = config.label.model_dump(include={"name", "values", "ordered"})
    features = {f"not_{config.label.name}": FeatureKind.NUMERIC}
    try:
        task = PredictionTask(
            problem=config.problem, label=Label(**label), features=features, extensions=tuple(config.extensions)
        )
    except ValueError:
        return metrics_of(config.problem, config.extensions)
    return task_metrics(task)


def _unknown_columns(config: "PipelineConfig", schema: "schema_pb2.Schema") -> Iterator[str]:
    known = [feature.name for feature in schema.feature]
    named = {
        "features": config.columns,
        "data.bins": [*config.data.bins, *(bins.column for bins in config.data.bins.values())],
        "split.key": [config.split.key] if config.split.key else [],
        "evaluation.slices": list(itertools.chain(*config.evaluation.slices)),
        "evaluation.fairness": config.evaluation.fairness,
    }
    for field, names in named.items():
        yield from _unknown(field, names, known, config)


def _unknown_label(config: "PipelineConfig", schema: "schema_pb2.Schema") -> Iterator[str]:
    names = [feature.name for feature in schema.feature]
    yield from _unknown("label.name", [config.label.name], names, config)
    if config.label.cut_of is not None:
        yield from _unknown("label.cut_of", [config.label.cut_of], names, config)


def _unknown(field: str, names: Iterable[str], known: list[str], config: "PipelineConfig") -> Iterator[str]:
    if unknown := sorted(set(names) - set(known)):
        hint = suggestion(unknown[0], known)
        yield (
            f"{field}: expected columns of the schema {config.data.schema_name!r}, received {_some(unknown)}. "
            f"Correct the name, or add the column to the schema.{hint}"
        )


def _label_in_schema(config: "PipelineConfig", schema: "schema_pb2.Schema") -> Iterator[str]:
    from tensorflow_metadata.proto.v0 import schema_pb2

    texts = {feature.name for feature in schema.feature if feature.type == schema_pb2.BYTES}
    if config.label.cut_of in texts:
        name = config.label.cut_of
        yield f"label.cut_of: expected a column of numbers, received {name!r}, which the schema says is text"
    label = next((feature for feature in schema.feature if feature.name == config.label.name), None)
    if label is None:
        return
    if config.problem is not Problem.CLASSIFICATION:
        if label.type == schema_pb2.BYTES:
            yield (
                f"problem: expected classification, for the schema says that the label {config.label.name!r} is text, "
                f"received {config.problem}"
            )
        return
    if label.type == schema_pb2.INT:
        if others := [value for value in config.label.values if not _is_integer(value)]:
            yield f"label.values: expected whole numbers, as the schema says of the label, received {_some(others)}"
    elif domain := _words(schema, label):
        if others := sorted(set(config.label.values) - set(domain)):
            yield f"label.values: expected values that the schema allows ({_some(domain)}), received {_some(others)}"
        if absent := sorted(set(domain) - set(config.label.values)):
            yield f"label.values: expected all values that the schema allows, received none of {_some(absent)}"


def _kinds(config: "PipelineConfig", schema: "schema_pb2.Schema") -> Iterator[str]:
    from tensorflow_metadata.proto.v0 import schema_pb2

    texts = {feature.name for feature in schema.feature if feature.type == schema_pb2.BYTES} - config.data.bins.keys()
    for kind in _NUMBERS:
        if wrong := [name for name in config.features.get(kind, ()) if name in texts]:
            yield (
                f"features.{kind.value}: expected columns of numbers, received {_some(wrong)}, which the schema says "
                "is text. Make it `categorical`"
            )


def _code_names(config: "PipelineConfig", schema: "schema_pb2.Schema | None") -> Iterator[str]:
    kinds = {name: kind for kind, names in config.features.items() for name in names}
    # The schema knows which are integers; without it all may be.
    integers = kinds.keys() if schema is None else _integer_columns(schema)
    for name in config.code_names:
        if name not in kinds:
            yield f"code_names: expected columns of `features`, received {name!r}.{suggestion(name, kinds)}"
        elif kinds[name] not in _CODED or name not in integers:
            yield (
                f"code_names: expected columns of integers that are {', '.join(_CODED)}, received {name!r}, "
                f"which is {kinds[name]}{'' if name in integers else ' and holds no integers'}. Take it out"
            )


def _integer_columns(schema: "schema_pb2.Schema") -> set[str]:
    from tensorflow_metadata.proto.v0 import schema_pb2

    return {feature.name for feature in schema.feature if feature.type == schema_pb2.INT}


def _same_but_for_case(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.lower(), name)) != name:
            yield other, name


def _exclusions(config: "PipelineConfig") -> list[str]:
    return [*config.exclude, *(pattern for task in config.tasks.values() for pattern in task.exclude)]


def _words(schema: "schema_pb2.Schema", feature: "schema_pb2.Feature") -> list[str]:
    """Returns the words that a text column may hold; empty where the schema names none."""
    if feature.WhichOneof("domain_info") == "domain":
        shared = next((one for one in schema.string_domain if one.name == feature.domain), None)
        return list(shared.value) if shared else []
    return list(feature.string_domain.value)


def _is_integer(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMED])
    return shown if len(names) <= _MAX_NAMED else f"{shown} and {len(names) - _MAX_NAMED} more"


def _caught(check: Callable[..., object], *arguments: Any) -> Iterator[str]:
    """Yields the message of the error that a check raises."""
    try:
        check(*arguments)
    except ValueError as error:
        yield str(error)
