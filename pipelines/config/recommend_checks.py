"""What of the section `recommend` cannot be true beside the rest of a configuration, or the schema contradicts."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ...components.features import Problem
from ...errors import suggestion

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

    from .pipeline_config import PipelineConfig

_RESERVED = ("population", "rank")


def find_recommend_problems(config: "PipelineConfig", schema: "schema_pb2.Schema | None") -> Iterator[str]:
    """Yields what does not fit, each as `field: what was expected and received`.

    Args:
        config: `PipelineConfig`.
        schema: `Schema` or None.
    """
    recommend = config.recommend
    if recommend is None:
        return
    tasks = recommend.tasks or (config.default_task,)
    for name in tasks:
        if name not in config.tasks:
            yield (
                f"recommend.tasks: expected some of {', '.join(config.tasks)}, received {name!r}."
                f"{suggestion(name, config.tasks)}"
            )
    for name in recommend.robustness:
        if name not in config.tasks:
            yield (
                f"recommend.robustness: expected tasks ({', '.join(config.tasks)}), received {name!r}."
                f"{suggestion(name, config.tasks)}"
            )
        elif config.for_task(name).problem is not Problem.REGRESSION or config.for_task(name).label.quantiles:
            yield f"recommend.robustness: expected tasks that predict one number, received {name!r}"
    if config.split.method == "time":
        yield (
            "recommend: expected a split by hash or group, for models score groups they have not seen, received 'time'"
        )
    if config.model.run_fn is not None:
        yield (
            "model.run_fn: expected a model family, for a recommendation trains many models, received a function of "
            "one's own"
        )
    if config.transform.preprocessing_fn is not None:
        yield "recommend: expected the library's preprocessing, received transform.preprocessing_fn"
    if config.feature_selection.enabled:
        yield "recommend: expected no feature selection, which may leave out what actions move; set recommend to null"
    for name in sorted(set(recommend.plan.naive) & set(_RESERVED)):
        yield f"recommend.plan.naive: expected another name than {', '.join(_RESERVED)}, received {name!r}"
    for pattern in recommend.fixed:
        if not any(fnmatchcase(name, pattern) for name in config.columns):
            yield f"recommend.fixed: expected a feature or a pattern of some, received {pattern!r}"
    for name in tasks:
        if name in config.tasks:
            yield from _of_task(config, name, schema)
    if schema is not None:
        yield from _columns(config, schema)


def _of_task(config: "PipelineConfig", task: str, schema: "schema_pb2.Schema | None") -> Iterator[str]:
    if config.recommend is None:
        return
    recommend, view = config.recommend, config.for_task(task)
    chosen, values = recommend.outcome.class_name, view.label.values
    if view.problem is Problem.FORECAST or view.label.quantiles:
        yield f"recommend.tasks: expected tasks that predict a class or one number, received {task!r}"
    elif view.problem is Problem.CLASSIFICATION and chosen not in values:
        yield f"recommend.outcome.class: expected one of {', '.join(values)} for {task!r}, received {chosen!r}"
    elif view.problem is Problem.REGRESSION and chosen is not None:
        yield f"recommend.outcome.class: expected none, for {task!r} predicts a number, received {chosen!r}"
    features = {name: kind.value for name, kind in config.task_features(task).items()}
    reasons = config.exclude | config.never_inputs | config.tasks[task].exclude
    excluded = {
        name: reason
        for pattern, reason in reasons.items()
        for name in dict.fromkeys([*config.columns, pattern])
        if fnmatchcase(name, pattern)
    }
    fixed = {
        name: reason for pattern, reason in recommend.fixed.items() for name in features if fnmatchcase(name, pattern)
    }
    known = [feature.name for feature in schema.feature] if schema is not None else recommend.catalogue.conditions
    whole = _whole_numbers(schema) if schema is not None else ()
    for problem in recommend.catalogue.problems(
        features, excluded | {view.label.name: "it is predicted"}, fixed, known, whole
    ):
        yield f"recommend.catalogue: {problem}"


def _whole_numbers(schema: "schema_pb2.Schema") -> list[str]:
    from tensorflow_metadata.proto.v0 import schema_pb2

    return [feature.name for feature in schema.feature if feature.type == schema_pb2.INT]


def _columns(config: "PipelineConfig", schema: "schema_pb2.Schema") -> Iterator[str]:
    recommend = config.recommend
    if recommend is None:
        return
    from tensorflow_metadata.proto.v0 import schema_pb2

    types = {feature.name: feature.type for feature in schema.feature}
    named = {f"communities.{field}": column for field, column in recommend.communities.columns.items()}
    named |= {f"plan.naive.{name}.column": one.column for name, one in recommend.plan.naive.items()}
    if recommend.gain.people_pct:
        named["gain.people_pct"] = recommend.gain.people_pct
    texts = ("communities.key", "communities.name", "communities.region")
    for field, column in named.items():
        if column not in types:
            yield (
                f"recommend.{field}: expected a column of the schema {config.data.schema_name!r}, received {column!r}."
                f"{suggestion(column, types)}"
            )
        elif field not in texts and types[column] == schema_pb2.BYTES:
            yield f"recommend.{field}: expected a column of numbers, received {column!r}, which is text"
    for column in recommend.titles:
        if column not in types:
            yield f"recommend.titles: expected columns of the schema, received {column!r}.{suggestion(column, types)}"
