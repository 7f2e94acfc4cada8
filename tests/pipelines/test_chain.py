import json
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.components.base.base_node import BaseNode

from yachay.components.features import Problem
from yachay.components.pusher.settings import REJECTION
from yachay.errors import UsageError
from yachay.model_store.location import open_store
from yachay.model_store.store import push
from yachay.pipelines.assembly import assemble, make_pipeline
from yachay.pipelines.chain import create_components, push_still_stands
from yachay.pipelines.config.kubeflow_settings import Resources
from yachay.pipelines.config.pipeline_config import PipelineConfig
from yachay.pipelines.context import RunContext
from yachay.pipelines.kubeflow.compile.compiler import compile_pipeline
from yachay.pipelines.node import NodeTraits, describe_node, traits_of
from yachay.pipelines.registry import find_pipeline


def load(*overrides: str) -> PipelineConfig:
    return find_pipeline("student_dropout").load(overrides)


def context(config: PipelineConfig, **fields: str) -> RunContext:
    schema_text = find_pipeline("student_dropout").schema_text(config)
    return RunContext(**{"task": "semester2", "data_uri": "/data", "schema_text": schema_text,
                         "pipeline_root": "/root", "model_store": "/models"} | fields)  # fmt: skip


def nodes(config: PipelineConfig, **fields: str) -> dict[str, BaseNode]:
    return {node.id: node for node in create_components(config, context(config, **fields))}


def test_each_node_says_where_it_is_made_what_runners_and_compiler_need() -> None:
    made = nodes(load("feature_selection.enabled=true"))

    assert {name: traits_of(node).role for name, node in made.items() if traits_of(node).role} == {
        "ColumnarExampleGen": "ingest",
        "Trainer": "trainer",
        "Evaluator": "evaluator",
        "Pusher": "pusher",
        "EvaluationReport": "report",
    }
    assert {name for name, node in made.items() if traits_of(node).rows == "rows_train"} == {
        "Trainer",
        "FeatureSelector",
    }
    assert {name for name, node in made.items() if not traits_of(node).is_cached} == {"Pusher"}
    assert traits_of(made["Transform"]) == NodeTraits(may_precede=("ExampleValidator",))
    assert traits_of(made["StatisticsGen"]) == NodeTraits()


def test_models_lie_with_the_run_where_no_store_is_named() -> None:
    def folders(store: str) -> object:
        return traits_of(nodes(load(), model_store=store)["Pusher"]).request.output_folders

    assert folders("") == {"store": "pushed_model"}
    assert folders("minio://models") == {}


def test_a_regression_shows_no_classes() -> None:
    config = load("evaluation.change=null", "report.alert_label=null", "report.anchors=[]", "report.card={}")
    tasks = {name: task.model_copy(update={"thresholds": {}}) for name, task in config.tasks.items()}
    label = config.label.model_copy(update={"values": ()})
    regression = config.model_copy(update={"problem": Problem.REGRESSION, "label": label, "tasks": tasks})

    assert "classification" in traits_of(nodes(config)["EvaluationReport"]).request.views
    assert "classification" not in traits_of(nodes(regression)["EvaluationReport"]).request.views


def test_a_run_fn_of_a_system_takes_the_place_of_ours() -> None:
    run_fn = "yachay.components.trainer.run_fn.read_training"

    assert nodes(load(f"model.run_fn={run_fn}"))["Trainer"].exec_properties["run_fn"] == run_fn


def test_a_configuration_may_have_more_than_one_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("short_pipelines.py").write_text(
        "from yachay.pipelines.assembly import assemble\n"
        "from yachay.pipelines.chain import create_components\n\n"
        "def create_short(config, context):\n"
        "    return assemble(config, context, create_components(config, context)[:4])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    config = load("pipelines.short=short_pipelines.create_short")

    made = make_pipeline(config, context(config, pipeline="short"))

    assert made.pipeline_info.pipeline_name == "student-dropout--semester2--short"
    assert len(made.components) == 4


def test_out_of_fold_predictions_are_evaluated_in_place_of_a_part_that_is_held_out() -> None:
    config = load("evaluation.method=out_of_fold", "evaluation.folds=4", "evaluation.change=null")

    made = nodes(config)
    assert list(made).index("CrossValidator") < list(made).index("Evaluator")
    assert "LatestBlessedModel" not in made
    assert '"folds":4' in made["CrossValidator"].exec_properties["config"]
    assert made["CrossValidator"].exec_properties["config"].count('"family":"boosted_trees"') == 1
    assert '"is_split":false' in made["ColumnarExampleGen"].exec_properties["spec"]
    assert made["Evaluator"].inputs["predictions"].type.TYPE_NAME == "yachay.OutOfFoldPredictions"

    spec = compile_pipeline(assemble(config, context(config), list(made.values())), "image").pipeline_spec
    folds, trainer = (
        spec["root"]["dag"]["tasks"][name]["inputs"]["parameters"] for name in ("CrossValidator", "Trainer")
    )
    assert {"family", "seed", "rounds"} <= set(folds) & set(trainer)


def test_a_pipeline_that_is_not_there_is_rejected() -> None:
    config = load()

    with pytest.raises(UsageError, match=r"Expected --pipeline to be one of training.*\. Received: 'trainings'"):
        make_pipeline(config, context(config, pipeline="trainings"))


def test_what_a_node_needs_is_its_default_and_the_configuration_wins() -> None:
    config = load()
    components = create_components(config, context(config))
    for node in components[:2]:
        describe_node(node, NodeTraits(resources=Resources(memory="7Gi")))
    settings = config.kubeflow.model_copy(update={"resources": {components[0].id: Resources(memory="9Gi")}})

    spec = compile_pipeline(assemble(config, context(config), components), "image", settings).pipeline_spec
    executors = spec["deploymentSpec"]["executors"]

    assert executors[f"exec-{components[0].id}"]["container"]["resources"]["resourceMemoryLimit"] == "9Gi"
    assert executors[f"exec-{components[1].id}"]["container"]["resources"]["resourceMemoryLimit"] == "7Gi"


def test_a_push_still_stands_while_it_is_the_stores_last_and_a_rejected_model_is_checked_again(tmp_path: Path) -> None:
    config, store = find_pipeline("student_dropout").load(), open_store(str(tmp_path / "models"), "", "")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/saved_model.pb").write_bytes(b"")

    def still_stands(**pushed: Any) -> bool:
        return push_still_stands(pushed, config, str(tmp_path / "models"))

    first = push(tmp_path / "model", store, trained_hash="1", golden=b"")
    assert still_stands(pushed=1, pushed_destination=first.model_uri)
    assert still_stands(pushed=0)
    rejected: dict[str, Any] = {"pushed": 0, "pushed_model_uri": None, REJECTION: "it predicts otherwise"}
    assert not still_stands(**rejected)
    second = push(tmp_path / "model", store, trained_hash="2", golden=b"")
    assert not still_stands(pushed=1, pushed_destination=first.model_uri)
    assert still_stands(pushed=1, pushed_destination=second.model_uri)


def test_a_search_runs_before_the_trainer_which_takes_what_it_finds() -> None:
    made = nodes(load("tune.enabled=true"))

    tuner, trainer = made["Tuner"], made["Trainer"]
    assert list(made).index("Tuner") < list(made).index("Trainer")
    assert trainer.inputs["hyperparameters"] is tuner.outputs["best_hyperparameters"]
    assert traits_of(tuner).role == "tuner"
    assert "Tuner" not in nodes(load())
    assert "hyperparameters" not in nodes(load())["Trainer"].inputs


def test_a_compiled_search_has_resources_and_parameters_of_its_own() -> None:
    config = load("tune.enabled=true", "kubeflow.resources={Tuner: {cpu: '8', memory: 16Gi}}")
    pipeline = assemble(config, context(config), create_components(config, context(config)))

    spec = compile_pipeline(pipeline, "image:1", config.kubeflow).pipeline_spec

    executors = spec["deploymentSpec"]["executors"]
    [label] = [name for name in executors if "tuner" in name.lower()]
    assert executors[label]["container"]["resources"]["resourceCpuLimit"] == "8"
    tasks = spec["root"]["dag"]["tasks"]
    [task] = [task for name, task in tasks.items() if name.lower() == "tuner"]
    assert {"config", "family", "seed", "rounds", "trials", "minutes"} <= task["inputs"]["parameters"].keys()
    [trainer] = [task for name, task in tasks.items() if name.lower() == "trainer"]
    given = trainer["inputs"]["artifacts"]["hyperparameters"]
    assert given["taskOutputArtifact"]["outputArtifactKey"] == "best_hyperparameters"


def test_out_of_fold_predictions_of_a_search_are_nested() -> None:
    made = nodes(load("tune.enabled=true", "evaluation.method=out_of_fold", "evaluation.change=null"))

    assert {"Tuner", "NestedCrossValidator"} <= made.keys()
    assert "CrossValidator" not in made


def test_searches_in_pods_of_their_own_are_merged_before_the_trainer() -> None:
    resources = "kubeflow.resources={Tuner: {cpu: '8'}, Tuner2: {cpu: '4'}}"
    config = load("tune.enabled=true", "tune.pods=3", "tune.trials=10", resources)
    made = nodes(config)

    assert [name for name in made if name.startswith("Tuner")] == ["Tuner", "Tuner2", "Tuner3"]
    assert made["Trainer"].inputs["hyperparameters"] is made["SearchMerger"].outputs["best_hyperparameters"]
    trials = [json.loads(made[name].exec_properties["config"])["tune"]["trials"] for name in made if "Tuner" in name]
    assert trials == [4, 3, 3]
    assert '"shard":2' in made["Tuner3"].exec_properties["config"]
    spec = compile_pipeline(assemble(config, context(config), list(made.values())), "image", config.kubeflow)
    executors = spec.pipeline_spec["deploymentSpec"]["executors"]
    limits = [executors[f"exec-{name}"]["container"]["resources"]["resourceCpuLimit"] for name in
              ("Tuner", "Tuner2", "Tuner3")]  # fmt: skip
    assert limits == ["8", "4", "8"]
    merger = spec.pipeline_spec["root"]["dag"]["tasks"]["SearchMerger"]
    assert sorted(merger["inputs"]["artifacts"]) == ["results_1", "results_2", "results_3"]
