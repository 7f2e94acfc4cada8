"""The pipeline that trains, of any configuration: from raw records to a pushed model and its report.

A system's own `pipeline.py` may begin with these nodes:

    _NEWEST_REQUEST = NodeRequest(
    properties={NEWEST_URI: NEWEST_URI},
    opens_store=True,
    parameters=(
        PipelineParameter(
            NEWEST_URI,
            "STRING",
            "",
            "The newest labelled rows, on which candidate and champion are compared. Empty: they are not.",
        ),
    ),
)


def create_pipeline(config, context):
        components = [*create_components(config, context), Announcer(...)]
        return assemble(config, context, components)
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from ..components.champion_gate.component import ChampionGate
from ..components.cross_validator.component import CrossValidator
from ..components.curated_schema.component import CuratedSchema
from ..components.evaluation_report.component import EvaluationReport
from ..components.evaluator.component import Evaluator
from ..components.example_gen.component import ColumnarExampleGen
from ..components.example_validator.component import ExampleValidator
from ..components.feature_selection.component import FeatureSelector
from ..components.intervention_recommender.component import InterventionRecommender
from ..components.nested_cross_validator.component import NestedCrossValidator
from ..components.prediction_task import PredictionTask
from ..components.pusher.component import Pusher
from ..components.pusher.settings import REJECTION
from ..components.run_tracker.component import FailureTracker, RunTracker
from ..components.search_merger.component import SearchMerger
from ..components.statistics_gen.component import StatisticsGen
from ..components.tfx_api import FinalStatusStr
from ..components.trainer.component import Trainer
from ..components.trainer.family import family_choices, load_families
from ..components.transform.component import Transform
from ..components.tuner.component import Tuner
from ..model_store.location import open_store
from ..model_store.store import latest_push
from ..schemas import parse_schema
from .assembly import assemble
from .baseline import LatestPushedModelStrategy
from .columns import ingest_spec
from .config.pipeline_config import PipelineConfig
from .context import RunContext
from .deployment import deploy_order
from .node import (
    DATA_URI,
    PIPELINE_ROOT,
    Assignment,
    NodeRequest,
    NodeTraits,
    PipelineParameter,
    RawData,
    describe_node,
)
from .polygons import find_polygons
from .reference_config import reference_config
from .report_config import report_config
from .tracking import tracker_config

SERVER_MODULES = ("tensorflow", "kserve", "yachay.serving.server")
"""What the server that the Pusher starts imports."""

FAMILY, SEED, ROUNDS = "family", "seed", "rounds"
NEWEST_URI = "newest_uri"
TRIALS, MINUTES = "trials", "minutes"


_NEWEST_REQUEST = NodeRequest(
    properties={NEWEST_URI: NEWEST_URI},
    opens_store=True,
    parameters=(
        PipelineParameter(
            NEWEST_URI,
            "STRING",
            "",
            "The newest labelled rows, on which candidate and champion are compared. Empty: they are not.",
        ),
    ),
)


def create_pipeline(config: PipelineConfig, context: RunContext) -> Pipeline:
    """Returns the TFX pipeline of a configuration: from raw records to a pushed model and its report."""
    return assemble(config, context, create_components(config, context))


def create_exit_handler(config: PipelineConfig, context: RunContext) -> BaseNode | None:
    """Returns the node that tracks a run on Kubeflow which fails; None where nothing is tracked."""
    tracked = tracker_config(config, context.task, context.pipeline, image=context.image, git_commit=context.git_commit)
    return None if tracked is None else FailureTracker(tracked, FinalStatusStr())


def create_components(config: PipelineConfig, context: RunContext) -> list[BaseNode]:
    """Returns the nodes of the library's pipeline, in the order in which they run."""
    prediction_task, task_config = config.prediction_task(context.task), config.for_task(context.task)
    spec = ingest_spec(parse_schema(context.schema_text), config, context.task)
    example_gen = describe_node(
        ColumnarExampleGen(input_pattern=context.data_uri, spec=spec),
        _ingest_traits(config),
    )
    examples = example_gen.outputs["examples"]
    schema = CuratedSchema(schema_text=context.schema_text)
    statistics_gen = StatisticsGen(examples=examples, schema=schema.outputs["schema"], engine=config.engine)
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema.outputs["schema"]
    )
    selection: list[BaseNode] = []
    training_schema = schema.outputs["schema"]
    if config.feature_selection.enabled:
        selector = describe_node(
            FeatureSelector(
                examples=examples,
                schema=training_schema,
                task=prediction_task,
                settings=config.feature_selection,
                seed=config.model.seed,
            ),
            NodeTraits(rows="rows_train", request=NodeRequest(properties={SEED: SEED}, parameters=(_seed(config),))),
        )
        selector.add_upstream_node(example_validator)
        training_schema = selector.outputs["selected_schema"]
        selection.append(selector)
    transform = describe_node(
        Transform(
            examples=examples,
            schema=training_schema,
            task=prediction_task,
            settings=config.transform,
            engine=config.engine,
        ),
        NodeTraits(may_precede=(example_validator.id,)),
    )
    transform.add_upstream_node(example_validator)
    tuning: list[BaseNode] = []
    found: dict[str, types.BaseChannel] = {}
    trials: dict[str, types.BaseChannel] = {}
    if config.tune.enabled:
        tuning += _tuners(config, context, examples, schema.outputs["schema"])
        for tuner in tuning:
            tuner.add_upstream_node(example_validator)
        tuner = tuning[-1]
        found["hyperparameters"] = tuner.outputs["best_hyperparameters"]
        trials["tuner_results"] = tuner.outputs["tuner_results"]
    trainer = describe_node(
        Trainer(
            examples=transform.outputs["transformed_examples"],
            transform_graph=transform.outputs["transform_graph"],
            schema=training_schema,
            task=prediction_task,
            settings=task_config.model,
            code_names=config.task_code_names(context.task),
            **found,
        ),
        NodeTraits(
            rows="rows_train", role="trainer", request=_training_request(task_config, "custom_config", "settings")
        ),
    )
    folds: list[BaseNode] = []
    baseline: list[BaseNode] = []
    judged: dict[str, types.BaseChannel] = {}
    compared: dict[str, types.BaseChannel] = {}
    if config.evaluation.is_out_of_fold:
        cross_validator = _cross_validator(config, context, examples, schema.outputs["schema"])
        cross_validator.add_upstream_node(example_validator)
        judged["predictions"] = cross_validator.outputs["predictions"]
        folds.append(cross_validator)
    else:
        latest_blessed = _latest_blessed(config, context)
        latest_blessed.add_upstream_node(trainer)  # It must know the candidate.
        compared["baseline_model"] = latest_blessed.outputs["model"]
        baseline.append(latest_blessed)
    evaluator = describe_node(
        Evaluator(
            examples=examples,
            model=trainer.outputs["model"],
            **compared,
            **judged,
            task=prediction_task,
            settings=config.evaluation_settings(context.task),
            engine=config.engine,
        ),
        NodeTraits(rows="rows_eval", role="evaluator"),
    )
    gates: list[BaseNode] = []
    blessing = evaluator.outputs["blessing"]
    if config.retrain is not None:
        gate = describe_node(
            ChampionGate(
                model=trainer.outputs["model"],
                model_blessing=blessing,
                **compared,
                task=prediction_task,
                settings=config.retrain,
                spec=spec,
                newest_uri=context.newest_uri,
            ),
            NodeTraits(rows="", role="champion_gate", request=_NEWEST_REQUEST),
        )
        blessing = gate.outputs["blessing"]
        gates.append(gate)
    pusher = describe_node(
        Pusher(
            model=trainer.outputs["model"],
            model_blessing=blessing,
            evaluation=evaluator.outputs["evaluation"],
            examples=examples,
            statistics=statistics_gen.outputs["statistics"],
            store=context.model_store,
            settings=config.push,
            deploy=deploy_order(config, context.task),
            reference=reference_config(config, context.task),
        ),
        _pusher_traits(config, context),
    )
    report = describe_node(
        EvaluationReport(
            evaluation=evaluator.outputs["evaluation"],
            blessing=blessing,
            model=trainer.outputs["model"],
            **compared,
            pushed_model=pusher.outputs["pushed_model"],
            transform_graph=transform.outputs["transform_graph"],
            **trials,
            examples=examples,
            statistics=statistics_gen.outputs["statistics"],
            anomalies=example_validator.outputs["anomalies"],
            schema=schema.outputs["schema"],
            settings=report_config(config, context.task, context.image, context.profile_page),
        ),
        _report_traits(prediction_task),
    )
    tracker: list[BaseNode] = []
    tracked = tracker_config(
        config,
        context.task,
        context.pipeline,
        image=context.image,
        git_commit=context.git_commit,
        spool=context.spool,
    )
    if tracked is not None:
        tracker.append(
            describe_node(
                RunTracker(
                    report=report.outputs["report"],
                    examples=examples,
                    schema=schema.outputs["schema"],
                    statistics=statistics_gen.outputs["statistics"],
                    model=trainer.outputs["model"],
                    pushed_model=pusher.outputs["pushed_model"],
                    evaluation=evaluator.outputs["evaluation"],
                    transform_graph=transform.outputs["transform_graph"],
                    anomalies=example_validator.outputs["anomalies"],
                    **trials,
                    config=tracked,
                    store=context.model_store,
                ),
                NodeTraits(rows="", is_cached=False, role="tracker"),
            )
        )
    recommender: list[BaseNode] = []
    if config.recommends(context.task):
        polygons, digest = find_polygons(config, context.data_uri)
        recommender.append(
            describe_node(
                InterventionRecommender(
                    examples=examples,
                    schema=schema.outputs["schema"],
                    config=config.recommender(context.task),
                    polygons=polygons,
                    polygons_digest=digest,
                    blessing=evaluator.outputs["blessing"],
                ),
                NodeTraits(
                    role="recommender",
                    request=dataclasses.replace(
                        _training_request(task_config, "config", "training", "trainer"), views=("recommendation_page",)
                    ),
                ),
            )
        )
    return [
        example_gen,
        schema,
        statistics_gen,
        example_validator,
        *selection,
        transform,
        *tuning,
        trainer,
        *folds,
        *baseline,
        evaluator,
        *gates,
        pusher,
        report,
        *recommender,
        *tracker,
    ]


def _tuners(
    config: PipelineConfig, context: RunContext, examples: types.BaseChannel, schema: types.BaseChannel
) -> list[BaseNode]:
    """Returns the nodes of a search; the last has its outputs."""
    task_config = config.for_task(context.task)
    traits = NodeTraits(
        rows="rows_train",
        role="tuner",
        request=_search_request(task_config),
        resources=config.kubeflow.resources.get(Tuner.__name__),
    )
    searches = config.tuners(context.task)
    if len(searches) == 1:
        return [describe_node(Tuner(examples=examples, schema=schema, config=searches[0]), traits)]
    traits = dataclasses.replace(traits, role="")
    tuners: list[BaseNode] = []
    for one in searches:
        name = f"{Tuner.__name__}{one.shard + 1}" if one.shard else Tuner.__name__
        tuners.append(describe_node(Tuner(examples=examples, schema=schema, config=one).with_id(name), traits))
    merger = SearchMerger(*(tuner.outputs["tuner_results"] for tuner in tuners))
    return [*tuners, describe_node(merger, NodeTraits(role="tuner"))]


def _cross_validator(
    config: PipelineConfig, context: RunContext, examples: types.BaseChannel, schema: types.BaseChannel
) -> BaseNode:
    """Returns the node that predicts records by models that have not seen them, nor searched with them."""
    task_config = config.for_task(context.task)
    if config.tune.enabled:
        nested = NestedCrossValidator(examples=examples, schema=schema, config=config.tuner(context.task))
        return describe_node(nested, NodeTraits(rows="rows_eval", request=_search_request(task_config)))
    plain = CrossValidator(examples=examples, schema=schema, config=config.cross_validator(context.task))
    return describe_node(
        plain, NodeTraits(rows="rows_eval", request=_training_request(task_config, "config", "trainer"))
    )


def _latest_blessed(config: PipelineConfig, context: RunContext) -> Resolver:
    return Resolver(
        strategy_class=LatestPushedModelStrategy,
        config={
            "store": context.champion_store or context.model_store,
            "mount": config.push.mount,
            "endpoint_url": config.push.endpoint_url,
        },
        model=types.Channel(type=standard_artifacts.Model),
        model_blessing=types.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")


def _ingest_traits(config: PipelineConfig) -> NodeTraits:
    if config.is_synthetic:
        default, description = "", "Empty: the records are synthetic."
    else:
        default = config.kubeflow.data_uri
        description = "Records: a URI in a store, or a path that is mounted into the ingest step."
    parameter = PipelineParameter(DATA_URI, "STRING", default if config.is_synthetic else default or None, description)
    request = NodeRequest(
        arguments=(DATA_URI,),
        raw_data=RawData("input_pattern", "raw_data", config.data.mock),
        parameters=(parameter,),
    )
    return NodeTraits(role="ingest", request=request)


def _seed(config: PipelineConfig) -> PipelineParameter:
    return PipelineParameter(SEED, "NUMBER_INTEGER", config.model.seed, "Seed of everything random in the training.")


def _training_request(config: PipelineConfig, name: str, *settings: str) -> NodeRequest:
    """Returns what a run may change of a node whose property `name` holds `TrainerSettings`, where `settings` lead."""
    families = load_families(config.extensions)
    rounds = ", ".join(f"{family.rounds} of {kind}" for kind, family in families.items() if family.rounds)
    return NodeRequest(
        arguments=(FAMILY, SEED, ROUNDS),
        assignments=(
            Assignment(FAMILY, name, (*settings, FAMILY)),
            Assignment(SEED, name, (*settings, SEED)),
            *(
                Assignment(ROUNDS, name, (*settings, "hyperparameters", kind, family.rounds), zero_keeps=True)
                for kind, family in families.items()
                if family.rounds
            ),
        ),
        parameters=(
            PipelineParameter(
                FAMILY, "STRING", config.model.family, "Model family.", family_choices(config.extensions)
            ),
            _seed(config),
            PipelineParameter(
                ROUNDS,
                "NUMBER_INTEGER",
                0,
                f"What training goes on for: {rounds}. 0: as the pipeline was compiled.",
            ),
        ),
    )


def _search_request(config: PipelineConfig) -> NodeRequest:
    """Returns what a run may change of a node whose property `config` is a `TunerConfig`."""
    request = _training_request(config, "config", "training", "trainer")
    budget = {
        TRIALS: PipelineParameter(TRIALS, "NUMBER_INTEGER", 0, "Trials of each search. 0: as compiled."),
        MINUTES: PipelineParameter(MINUTES, "NUMBER_DOUBLE", 0.0, "Minutes of each search. 0: as compiled."),
    }
    return dataclasses.replace(
        request,
        arguments=(*request.arguments, *budget),
        assignments=(
            *request.assignments,
            *(Assignment(name, "config", ("tune", name), zero_keeps=True) for name in budget),
        ),
        parameters=(*request.parameters, *budget.values()),
    )


def _pusher_traits(config: PipelineConfig, context: RunContext) -> NodeTraits:
    """Returns the traits of the Pusher, which looks into the model store, asks a server, and may deploy."""
    root = "Where the last blessed model is noted. Empty: at the root that the run has."
    request = NodeRequest(
        arguments=(PIPELINE_ROOT,),
        output_folders={} if context.model_store else {"store": "pushed_model"},
        points_to="model",
        parameters=(PipelineParameter(PIPELINE_ROOT, "STRING", config.kubeflow.pipeline_root, root),),
    )

    def is_current(made: Mapping[str, Mapping[str, Any]]) -> bool:
        return push_still_stands(made["pushed_model"], config, context.model_store)

    deploys = bool(deploy_order(config, context.task))
    return NodeTraits(
        rows="",
        is_cached=False,
        is_current=None if deploys else is_current,
        role="pusher",
        request=request,
        forks=SERVER_MODULES,
    )


def push_still_stands(pushed: Mapping[str, Any], config: PipelineConfig, model_store: str) -> bool:
    """Returns whether a Pusher of the same inputs would come to the same: the push is the store's last, or the model is
    not blessed. A model that the server check rejected is checked again.

    Args:
        pushed: mapping. The properties of `pushed_model`.
        config: `PipelineConfig`.
        model_store: string. Where models are pushed.
    """
    if not pushed.get("pushed"):
        return not pushed.get(REJECTION)
    latest = latest_push(open_store(model_store, config.push.mount, config.push.endpoint_url))
    return latest is not None and pushed.get("pushed_destination") == latest.model_uri


def _report_traits(task: PredictionTask) -> NodeTraits:
    views = ("page", "summary", "metrics", *(["classification"] if task.label.values else []))
    return NodeTraits(rows="rows_eval", role="report", request=NodeRequest(views=views))
