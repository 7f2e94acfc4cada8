"""The configuration of a pipeline: `config.yaml`, checked field by field before any work."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import Field, ValidationError, model_validator

from ...components.evaluator.metric import Metric, task_metrics
from ...components.example_gen.settings import ReadSettings
from ...components.features import FeatureKind, Problem
from ...components.prediction_task import PredictionTask, SplitSettings
from ...components.pusher.settings import PushSettings
from ...components.settings import Identifier, Settings, describe, require_known
from ...components.trainer.hyperparameters import resolve_hyperparameters
from ...errors import ConfigurationError
from .deploy_settings import DeploySettings
from .kubeflow_settings import Kubeflow
from .report_settings import ReportSettings

CONFIG_FILE = "config.yaml"

Family = Literal["keras", "boosted_trees", "random_forest", "linear", "auto"]
FAMILIES: tuple[str, ...] = get_args(Family)


class Data(ReadSettings):
    """Where records come from and which of them are refused.

    `schema` names a shipped schema or a `.pbtxt` file in the folder of the configuration; `path` names the records that
    a run without `--data` reads, relative to that folder, in place of mock data.
    """

    schema_name: str = Field(alias="schema")
    path: str | None = None
    source: str = ""
    licence: str = ""


class Label(Settings):
    """The column to predict, and for a classification its values in the order of the scores."""

    name: Identifier
    values: list[str] = []


class Model(Settings):
    """The model family and the hyperparameters of each."""

    family: Family = "auto"
    seed: int = 42
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    hyperparameters: dict[Literal["keras", "boosted_trees", "random_forest", "linear"], dict[str, Any]] = {}


class FeatureSelection(Settings):
    """Recursive feature addition, on request."""

    enabled: bool = False
    threshold: float = 0.002
    folds: Annotated[int, Field(ge=2)] = 3


class Bounds(Settings):
    """The values of a metric over all records with which a model is blessed, and why others are refused."""

    lower: float | None = None
    upper: float | None = None
    lower_reason: str = ""
    upper_reason: str = ""

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.lower is None and self.upper is None:
            raise ValueError("expected `lower`, `upper` or both")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError(
                f"expected `lower` <= `upper`, received {self.lower} and {self.upper}: no model can meet them"
            )
        return self


class Change(Settings):
    """How much worse than the last blessed model a candidate may be (0: ties pass)."""

    metric: str
    tolerance: Annotated[float, Field(ge=0)] = 0.0


class Evaluation(Settings):
    """The slices and the change threshold of the gate."""

    slices: list[list[Identifier]] = []
    min_slice_rows: Annotated[int, Field(ge=1)] = 10
    change: Change | None = None
    fairness: list[Identifier] = []


class Task(Settings):
    """One honest question to the same data: what is known when it is asked, and the bounds of a useful answer."""

    description: str = ""
    exclude: dict[str, str] = {}
    thresholds: dict[str, Bounds] = {}
    mock_thresholds: dict[str, Bounds] = {}


class PipelineConfig(Settings):
    """The configuration of a pipeline.

    Args:
        name: string. The pipeline's name: lower-case letters, digits and `_`.
        problem: `"classification"` or `"regression"`.
        features: dict of feature kind to column names; every column is named by its identifier
            (`components.features.to_identifier`).
        exclude: dict of column name or pattern to the reason why it is no input (a leak, a demographic column, a key).
        tasks: dict of task name to `Task`.
        default_task: string. The task that runs when none is named.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
    title: str = ""
    problem: Problem = Problem.CLASSIFICATION
    data: Data
    label: Label
    features: dict[FeatureKind, list[Identifier]]
    exclude: dict[str, str] = {}
    split: SplitSettings = SplitSettings()
    model: Model = Model()
    feature_selection: FeatureSelection = FeatureSelection()
    evaluation: Evaluation = Evaluation()
    report: ReportSettings = ReportSettings()
    push: PushSettings = PushSettings()
    deploy: DeploySettings = DeploySettings()
    kubeflow: Kubeflow = Kubeflow()
    tasks: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Task] = Field(min_length=1)
    default_task: str

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        columns = [name for names in self.features.values() for name in names]
        doubled = sorted({name for name in columns if columns.count(name) > 1})
        if doubled:
            raise ValueError(f"features: expected each column once, received {', '.join(doubled)} twice")
        if self.label.name in columns:
            raise ValueError(f"features: expected inputs only, received the label {self.label.name!r}")
        if self.default_task not in self.tasks:
            raise ValueError(f"default_task: expected one of {', '.join(self.tasks)}, received {self.default_task!r}")
        if self.problem is Problem.CLASSIFICATION and len(self.label.values) < 2:
            raise ValueError("label.values: expected at least two classes for a classification")
        if len(set(self.label.values)) != len(self.label.values):
            raise ValueError("label.values: expected distinct classes")
        patterns = [*self.exclude, *(pattern for task in self.tasks.values() for pattern in task.exclude)]
        for pattern in patterns:
            if "*" in pattern and not any(fnmatchcase(name, pattern) for name in columns):
                raise ValueError(f"exclude: the pattern {pattern!r} matches no feature")
        metrics: Mapping[str, Metric] = {}
        for name, task in self.tasks.items():
            if not self.task_features(name):
                raise ValueError(f"tasks.{name}: expected at least one feature, all are excluded")
            metrics = task_metrics(self.prediction_task(name))
            for block in (task.thresholds, task.mock_thresholds):
                for metric, bounds in block.items():
                    require_known(f"tasks.{name}.thresholds", metric, metrics)
                    highest = metrics[metric].highest
                    if bounds.lower is not None and highest is not None and bounds.lower > highest:
                        raise ValueError(
                            f"tasks.{name}.thresholds.{metric}: expected `lower` <= {highest:g}, "
                            f"received {bounds.lower}: no model can meet it"
                        )
        for family, given in self.model.hyperparameters.items():
            resolve_hyperparameters(family, given)
        if self.evaluation.change:
            require_known("evaluation.change.metric", self.evaluation.change.metric, metrics)
        if self.deploy.from_pipeline:
            self.deploy.check_store(self.push.store)
        known = dict.fromkeys([*columns, *(pattern for pattern in patterns if "*" not in pattern)])
        self.report.check(self.label.values, known, metrics, self.tasks)
        return self

    def pipeline_name(self, task: str, is_mock: bool) -> str:
        """Returns the name under which runs share artifacts and a baseline: one a task, and apart for mock data."""
        name = f"{self.name}-{task}".replace("_", "-")
        return f"{name}-mock" if is_mock else name

    def prediction_task(self, task: str) -> PredictionTask:
        """Returns what a task predicts, from which features."""
        return PredictionTask.model_validate(
            {
                "problem": self.problem,
                "label": self.label.model_dump(),
                "features": self.task_features(task),
                "split": self.split.model_dump(),
            }
        )

    def task_features(self, task: str) -> dict[str, FeatureKind]:
        """Returns `{column: kind}` of the inputs of a task, in the order of the configuration."""
        excluded = [*self.exclude, *self.tasks[task].exclude]
        return {
            name: kind
            for kind, names in self.features.items()
            for name in names
            if not any(fnmatchcase(name, pattern) for pattern in excluded)
        }


def load_config(path: Path, overrides: Sequence[str] = ()) -> PipelineConfig:
    """Reads and checks a configuration.

    Args:
        path: path of the YAML file.
        overrides: sequence of `"a.b=value"` strings, each value read as YAML, applied in order. Defaults to none.

    Raises:
        ConfigurationError: if the file cannot be read or a field does not fit; the message names the field.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"Expected a configuration at {path}. Received: no such file. Name an existing file."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"Expected {path} to be a readable YAML file. Received: {error}") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"Expected {path} to hold a YAML mapping. Received: {type(document).__name__}.")
    for override in overrides:
        _apply(document, override)
    try:
        return PipelineConfig.model_validate(document)
    except ValidationError as error:
        lines = [f"The configuration {path} is invalid:", *describe(error, PipelineConfig)]
        raise ConfigurationError("\n".join(lines)) from None


def _apply(document: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigurationError(f"Expected an override of the form a.b=value. Received: {override!r}.")
    *parents, last = key.split(".")
    section: Any = document
    for parent in parents:
        section = section.setdefault(parent, {}) if isinstance(section, dict) else None
    if not isinstance(section, dict):
        raise ConfigurationError(f"Expected {key!r} to name a field of the configuration. Received: {override!r}.")
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"Expected the value of {key!r} to be YAML. Received: {text!r} ({error}).") from None
