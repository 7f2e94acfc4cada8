"""`EvaluationReport`: the evaluation of a model as a page and as data."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ..executor_path import ExecutorPath
from . import artifacts
from .section import load_sections
from .settings import ReportConfig


class EvaluationReportSpec(component_spec.ComponentSpec):
    """Interface of `EvaluationReport`."""

    PARAMETERS = {
        "settings": component_spec.ExecutionParameter(type=str),
        "version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "baseline_model": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel, optional=True),
        "transform_graph": component_spec.ChannelParameter(type=standard_artifacts.TransformGraph, optional=True),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults, optional=True),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=artifacts.EvaluationReport)}


class EvaluationReport(base_component.BaseComponent):
    """Shows how good a model is, for whom, and why it was blessed or not.

    `report` holds one page that needs no network (`report.html`) and its numbers (`report.json`, `slices.csv`): the
    gate's metrics with bootstrap intervals, slices, fairness, curves, calibration, errors, a leaderboard, the data,
    feature importance, lineage, and sections of the system's own `report.py`. The model predicts the records of the
    split `eval` once; a model without a blessing is reported too.

    Args:
        evaluation: channel of `ModelEvaluation`. What the Evaluator measured.
        blessing: channel of `ModelBlessing`. Its verdict.
        model: channel of `Model`. The candidate.
        examples: channel of `Examples`. The ingested examples; the split `eval` is read.
        statistics: channel of `ExampleStatistics`.
        anomalies: channel of `ExampleAnomalies`.
        schema: channel of `Schema`. The curated schema.
        settings: `ReportConfig`. The task, how it was judged, and what the page shows beside the numbers.
        baseline_model: channel of `Model`. The last blessed model, for paired comparisons. Defaults to none.
        pushed_model: channel of `PushedModel`. Defaults to none.
        transform_graph: channel of `TransformGraph`, for the seconds that Transform took. Defaults to none.
        tuner_results: channel of `TunerResults`. The search before the training, whose trials the page then shows.
            Defaults to none.

    Raises:
        ConfigurationError: if a name in `settings` is not one of the task's, or an extension cannot be imported.
    """

    SPEC_CLASS = EvaluationReportSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        evaluation: types.BaseChannel,
        blessing: types.BaseChannel,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        statistics: types.BaseChannel,
        anomalies: types.BaseChannel,
        schema: types.BaseChannel,
        settings: ReportConfig,
        baseline_model: types.BaseChannel | None = None,
        pushed_model: types.BaseChannel | None = None,
        transform_graph: types.BaseChannel | None = None,
        tuner_results: types.BaseChannel | None = None,
    ) -> None:
        settings.check()
        load_sections(settings.task.extensions)
        super().__init__(
            EvaluationReportSpec(
                evaluation=evaluation,
                blessing=blessing,
                model=model,
                examples=examples,
                statistics=statistics,
                anomalies=anomalies,
                schema=schema,
                baseline_model=baseline_model,
                pushed_model=pushed_model,
                transform_graph=transform_graph,
                tuner_results=tuner_results,
                settings=settings.to_property(),
                version=__version__,
                report=types.Channel(artifacts.EvaluationReport),
            )
        )
