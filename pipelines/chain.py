"""The TFX pipeline of any configuration."""

import dataclasses

from tfx import types
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from ..components.curated_schema.component import CuratedSchema
from ..components.evaluation_report.component import EvaluationReport
from ..components.evaluator.component import Evaluator
from ..components.example_gen.component import ColumnarExampleGen
from ..components.example_validator.component import ExampleValidator
from ..components.feature_selection.component import FeatureSelector
from ..components.pusher.component import Pusher
from ..components.trainer.component import Trainer
from ..components.transform.component import Transform
from ..schemas import parse_schema
from .columns import ingest_spec
from .config.pipeline_config import PipelineConfig
from .deployment import deploy_order
from .report_config import report_config

# Beam's own default would download a runner. The runner in memory uses no image; but where none is named, TFX copies
# itself into a package for remote workers, for each node anew.
BEAM_ARGS = ("--direct_running_mode=in_memory", "--direct_num_workers=1", "--sdk_container_image=none")


@dataclasses.dataclass(frozen=True)
class RunContext:
    """What a run adds to a configuration.

    Args:
        task: string. Name of the task.
        data_uri: string. File, folder or pattern of the records.
        schema_text: string. The curated schema in text form.
        pipeline_root: string. Folder of the artifacts.
        model_store: string. Where models are pushed; see `Pusher`.
        image: string. The container image of the steps; empty on this machine.
    """

    task: str
    data_uri: str
    schema_text: str
    pipeline_root: str
    model_store: str
    image: str = ""


def create_pipeline(config: PipelineConfig, context: RunContext) -> Pipeline:
    """Returns the TFX pipeline of a configuration: from raw records to a pushed model and the page that tells of it."""
    prediction_task = config.prediction_task(context.task)
    example_gen = ColumnarExampleGen(
        input_pattern=context.data_uri,
        spec=ingest_spec(parse_schema(context.schema_text), config),
    )
    examples = example_gen.outputs["examples"]
    schema = CuratedSchema(schema_text=context.schema_text)
    statistics_gen = StatisticsGen(examples=examples, schema=schema.outputs["schema"])
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema.outputs["schema"]
    )
    selection: list[BaseComponent] = []
    training_schema = schema.outputs["schema"]
    if config.feature_selection.enabled:
        selector = FeatureSelector(
            examples=examples,
            schema=training_schema,
            task=prediction_task,
            settings=config.feature_selection,
            seed=config.model.seed,
        )
        selector.add_upstream_node(example_validator)
        training_schema = selector.outputs["selected_schema"]
        selection.append(selector)
    transform = Transform(
        examples=examples,
        schema=training_schema,
        task=prediction_task,
        settings=config.transform,
    )
    transform.add_upstream_node(example_validator)
    trainer = Trainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=training_schema,
        task=prediction_task,
        settings=config.model,
    )
    latest_blessed = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=types.Channel(type=standard_artifacts.Model),
        model_blessing=types.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")
    evaluator = Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        baseline_model=latest_blessed.outputs["model"],
        task=prediction_task,
        settings=config.evaluation_settings(context.task),
    )
    pusher = Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        evaluation=evaluator.outputs["evaluation"],
        examples=examples,
        store=context.model_store,
        settings=config.push,
        deploy=deploy_order(config, context.task),
    )
    report = EvaluationReport(
        evaluation=evaluator.outputs["evaluation"],
        blessing=evaluator.outputs["blessing"],
        model=trainer.outputs["model"],
        baseline_model=latest_blessed.outputs["model"],
        pushed_model=pusher.outputs["pushed_model"],
        transform_graph=transform.outputs["transform_graph"],
        examples=examples,
        statistics=statistics_gen.outputs["statistics"],
        anomalies=example_validator.outputs["anomalies"],
        schema=schema.outputs["schema"],
        settings=report_config(config, context.task, context.image),
    )
    return Pipeline(
        pipeline_name=config.pipeline_name(context.task),
        pipeline_root=context.pipeline_root,
        components=[
            example_gen,
            schema,
            statistics_gen,
            example_validator,
            *selection,
            transform,
            trainer,
            latest_blessed,
            evaluator,
            pusher,
            report,
        ],
        beam_pipeline_args=list(BEAM_ARGS),
        enable_cache=True,
    )
