"""The configuration of a pipeline: `config.yaml`, checked before any work."""

import importlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from ...components.batch_predictor.settings import PredictSettings
from ...components.cross_validator.settings import CrossValidatorConfig
from ...components.drift_monitor.settings import MonitorSettings
from ...components.engine import Engine
from ...components.evaluation_report.settings import ReportSettings
from ...components.evaluator.settings import EvaluationSettings
from ...components.feature_selection.settings import FeatureSelectionSettings
from ...components.features import FeatureKind, Problem
from ...components.intervention_recommender.settings import RecommenderConfig, RecommendSettings
from ...components.prediction_task import Label, PredictionTask, SplitSettings
from ...components.pusher.settings import PushSettings
from ...components.retraining.settings import RetrainSettings
from ...components.run_tracker.settings import RegistrySettings, TrackingSettings
from ...components.settings import Identifier, Settings
from ...components.text import Text
from ...components.trainer.settings import CodeNames, TrainerSettings, Tuned
from ...components.transform.settings import TransformSettings
from ...components.tuner.settings import TunerConfig, TuneSettings
from ...deployment.settings import DeploySettings
from ...dotted import fingerprint_code
from ...errors import ConfigurationError, UsageError, suggestion
from ..kinds import DEFAULT_PIPELINE, KINDS, TRAINING
from ..schedules import read_schedule
from .beam_settings import BeamSettings
from .contradictions import find_contradictions
from .data_settings import DataSettings
from .kubeflow_settings import Kubeflow
from .stream_settings import StreamSettings
from .task_settings import Task

CONFIG_FILE = "config.yaml"

MOCK = "mock"
"""The profile that a run without data takes."""

Name = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", description="lower-case letters, digits and single `_`")
]


def _checked_schedule(text: str) -> str:
    read_schedule(text)
    return text


Schedule = Annotated[str, AfterValidator(_checked_schedule)]


class PipelineConfig(Settings):
    """The configuration of a pipeline.

    Args:
        name: string. The pipeline's name: lower-case letters, digits and single `_` between them.
        problem: `Problem`.
        features: dict of feature kind to column names; every column is named by its identifier
            (`components.features.to_identifier`).
        exclude: dict of column name or pattern to the reason why it is no input (a leak, a demographic column, a key).
        never_inputs: dict of column name to the reason why no task may ever have it as an input: naming it under
            `features` is an error.
        code_names: dict of column to the names of its codes, each a text or `{en: ..., es: ...}`. The predict API's
            page shows them beside the codes. They stand in the trained model: another name trains anew.
        tune: `TuneSettings`. How a search for the best family and hyperparameters goes.
        tuned: dict of task name to `Tuned`, or in a file to the name of a `tuned.yaml` beside it: what an earlier
            search found, in place of the task's family and hyperparameters.
        monitor: `MonitorSettings`. Which log is watched, and when it counts as drifted.
        recommend: `RecommendSettings` or None. Ranks of communities, effects of interventions and a plan. Defaults to
            None, no recommendation.
        retrain: `RetrainSettings` or None. When the model is trained anew, on labelled rows of the prediction log and
            the original records. Defaults to None, by hand alone.
        predict: `PredictSettings`. How records are scored in bulk.
        tasks: dict of task name to `Task`.
        default_task: string. The task that runs when none is named.
        profile: string. The profile that was laid over the configuration; empty for none.
        profiles: dict of name to what the profile changes, with the fields of the configuration itself.
        pipelines: dict of name to `"default"` or the dotted path of a function `(config, context) -> Pipeline`. The
            library's own (`kinds.KINDS`) need not be named.
        schedules: dict of pipeline to when it runs, as crontab has it (`"0 3 * * 1"`), `"@daily"` or `"@every 12h"`:
            what `yachay submit NAME` and Airflow's DAGs take.
        extensions: list of strings. Dotted paths of modules with model families, metrics and page sections.
        engine: string. What computes statistics, transforms and evaluates: `"arrays"` in one process, `"beam"`, or
            `"auto"`, see `components.engine`.
        beam: `BeamSettings`. The runner of what Beam does.
    """

    name: Annotated[Name, Field(max_length=60)]
    title: str = ""
    problem: Problem = Problem.CLASSIFICATION
    data: DataSettings
    label: Label
    features: dict[FeatureKind, list[Identifier]]
    exclude: dict[str, str] = {}
    never_inputs: dict[Identifier, str] = {}
    code_names: CodeNames = {}
    split: SplitSettings = SplitSettings()
    transform: TransformSettings = TransformSettings()
    model: TrainerSettings = TrainerSettings()
    tune: TuneSettings = TuneSettings()
    tuned: dict[Name, Tuned] = {}
    feature_selection: FeatureSelectionSettings = FeatureSelectionSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    report: ReportSettings = ReportSettings()
    recommend: RecommendSettings | None = None
    monitor: MonitorSettings = MonitorSettings()
    push: PushSettings = PushSettings()
    predict: PredictSettings = PredictSettings()
    deploy: DeploySettings = DeploySettings()
    retrain: RetrainSettings | None = None
    stream: StreamSettings = StreamSettings()
    kubeflow: Kubeflow = Kubeflow()
    tracking: TrackingSettings = TrackingSettings()
    registry: RegistrySettings = RegistrySettings()
    tasks: dict[Name, Task] = Field(min_length=1)
    default_task: str
    profile: str = ""
    profiles: dict[Name, dict[str, Any]] = {}
    pipelines: dict[Name, str] = Field(default_factory=lambda: dict.fromkeys(KINDS, DEFAULT_PIPELINE))
    schedules: dict[Name, Schedule] = {}
    extensions: list[str] = []
    engine: Engine = "auto"
    beam: BeamSettings = BeamSettings()

    @model_validator(mode="after")
    def _coherent(self, info: ValidationInfo) -> Self:
        schema = (info.context or {}).get("schema")
        if problems := find_contradictions(self, schema):
            raise ValueError("\n  - ".join(problems))
        return self

    @property
    def is_synthetic(self) -> bool:
        """Whether the records are synthetic, so that no result is about real people."""
        return self.data.mock is not None

    @property
    def columns(self) -> list[str]:
        """The columns that have a kind, inputs of a task or not."""
        return [name for names in self.features.values() for name in names]

    def pipeline_name(self, task: str, pipeline: str = TRAINING) -> str:
        """Returns the name under which runs share artifacts and a baseline: `<name>--<task>[--<profile>]`.

        It is one a task, profile and pipeline: names and tasks hold no `--`.

        Args:
            task: string. Name of the task.
            pipeline: string. Name of the pipeline; another than `"training"` is added. Defaults to it.
        """
        parts = [self.name, task, self.profile, "" if pipeline == TRAINING else pipeline]
        return "--".join(part.replace("_", "-") for part in parts if part)

    def check_pipeline(self, pipeline: str) -> None:
        """Checks that there is a pipeline of a name.

        Raises:
            UsageError: if there is none.
        """
        if pipeline not in self.pipelines:
            raise UsageError(
                f"Expected --pipeline to be one of {', '.join(self.pipelines)}. Received: {pipeline!r}."
                f"{suggestion(pipeline, self.pipelines)}"
            )

    def for_task(self, task: str) -> Self:
        """Returns the configuration with a task's own problem, label, family and hyperparameters, or what was tuned."""
        own = self.tasks[task]
        common = self.model.hyperparameters
        merged = {name: {**common.get(name, {}), **given} for name, given in own.hyperparameters.items()}
        chosen = {"family": own.family or self.model.family, "hyperparameters": {**common, **merged}}
        if own.family:
            chosen["stacked_with"] = ()
        model = self.model.model_copy(update=chosen)
        if task in self.tuned:
            model = self.tuned[task].apply(model)
        return self.model_copy(
            update={
                "problem": own.problem or self.problem,
                "label": own.label or self.label,
                "model": model,
                "tune": self.tune.model_copy(update={"objective": own.objective or self.tune.objective}),
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

    def task_code_names(self, task: str) -> CodeNames:
        """Returns the names of the codes of a task's inputs."""
        inputs = self.task_features(task)
        return {name: names for name, names in self.code_names.items() if name in inputs}

    def evaluation_settings(self, task: str) -> EvaluationSettings:
        """Returns how a model of a task is judged: its own thresholds and change stand before those of `evaluation`.

        Without the number of workers, which changes no result, so that another takes none out of TFX's cache.
        """
        own = self.tasks[task]
        thresholds = {**self.evaluation.thresholds, **own.thresholds}
        change = own.change or self.evaluation.change
        return self.evaluation.model_copy(update={"thresholds": thresholds, "change": change, "workers": None})

    def cross_validator(self, task: str, folds: int | None = None, family: str = "") -> CrossValidatorConfig:
        """Returns how a task is cross-validated.

        Args:
            task: string. Name of the task.
            folds: int or None. Defaults to `evaluation.folds`.
            family: string. The model family; empty takes that of the task.
        """
        trainer = self.for_task(task).model
        return CrossValidatorConfig(
            task=self.prediction_task(task),
            trainer=trainer.model_copy(update={"family": family or trainer.family}),
            transform=self.transform,
            feature_selection=self.feature_selection,
            folds=folds or self.evaluation.folds,
            workers=self.evaluation.workers,
            engine=self.engine,
        )

    def tuner(self, task: str) -> TunerConfig:
        """Returns how the search of a task goes."""
        return TunerConfig(training=self.cross_validator(task), tune=self.for_task(task).tune)

    def tuners(self, task: str) -> list[TunerConfig]:
        """Returns how the searches of a task go that share its trials, one a pod."""
        whole = self.tuner(task)
        each, more = divmod(whole.tune.trials, whole.tune.pods)
        tunes = [
            whole.tune.model_copy(update={"trials": each + (shard < more), "pods": 1})
            for shard in range(whole.tune.pods)
        ]
        return [whole.model_copy(update={"tune": tune, "shard": shard}) for shard, tune in enumerate(tunes)]

    def recommends(self, task: str) -> bool:
        """Returns whether a run of a task makes a recommendation."""
        return self.recommend is not None and task in (self.recommend.tasks or (self.default_task,))

    def recommender(self, task: str) -> RecommenderConfig:
        """Returns how the recommendation of a task is made, of a configuration that has the section `recommend`.

        Args:
            task: string. Name of the task.

        Raises:
            ConfigurationError: if the configuration has no such section.
        """
        if self.recommend is None:
            raise ConfigurationError(
                f"Expected {self.name} to have the section `recommend`. Received: none. See docs/recommending.md."
            )
        return RecommenderConfig(
            system=self.name,
            task_name=task,
            title=Text(en=self.title or self.name, es=self.report.card.title.es),
            is_synthetic=self.is_synthetic,
            source=self.data.source,
            licence=self.data.licence,
            training=self.cross_validator(task, self.evaluation.folds),
            recommend=self.recommend,
            robustness={
                name: self.cross_validator(name, self.evaluation.folds)
                for name in self.recommend.robustness
                if name != task
            },
            # Of out-of-fold predictions each split has all records.
            splits=("eval",) if self.evaluation.is_out_of_fold else ("train", "eval"),
        )

    def prediction_task(self, task: str) -> PredictionTask:
        """Returns what a task predicts, from which features: what the components take."""
        chosen = self.for_task(task)
        return PredictionTask(
            problem=chosen.problem,
            label=chosen.label,
            features=self.task_features(task),
            split=self.split,
            extensions=tuple(self.extensions),
            code=_fingerprint_models(self.extensions),
        )


def _fingerprint_models(extensions: Sequence[str]) -> str:
    """Returns the fingerprint of the modules that bring families or metrics, none where none does."""
    modules = {name: vars(importlib.import_module(name)).keys() for name in extensions}
    own = {fingerprint_code(name): None for name, names in modules.items() if names & {"FAMILIES", "METRICS"}}
    return "".join(own)
