import dataclasses
import os
import re
from pathlib import Path

import pytest
import sample_components as samples
import tfx
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx import types
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.components.infra_validator.component import InfraValidator
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.dsl.component.experimental import placeholders
from tfx.dsl.component.experimental.container_component import create_container_component
from tfx.dsl.components.base.base_driver import BaseDriver
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.experimental.conditionals.conditional import Cond
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import infra_validator_pb2
from tfx.types import standard_artifacts

import yachay
from yachay.components.trainer.family import load_families
from yachay.errors import CompileError
from yachay.pipelines.config.kubeflow_settings import Kubeflow
from yachay.pipelines.kubeflow.compile.compiler import compile_pipeline
from yachay.pipelines.kubeflow.compile.configured import compile_configuration
from yachay.pipelines.kubeflow.compile.devices import device_warnings
from yachay.pipelines.kubeflow.spec.package import read_package
from yachay.pipelines.registry import find_pipeline

IMAGE = "registry.example/yachay:1"
GOLDEN = Path(__file__).parents[1] / "golden"


def compile_nodes(*nodes, name="sample", settings=None, exit_handler=None):
    pipeline = Pipeline(pipeline_name=name, pipeline_root="", components=list(nodes), enable_cache=True)
    compiled = compile_pipeline(pipeline, IMAGE, settings, exit_handler=exit_handler)
    json_format.ParseDict(compiled.pipeline_spec, pipeline_spec_pb2.PipelineSpec())
    return compiled.pipeline_spec


def tasks_of(spec):
    return spec["root"]["dag"]["tasks"]


def argument(spec, task, name):
    arguments = spec["deploymentSpec"]["executors"][f"exec-{task}"]["container"]["args"]
    return yaml.safe_load(arguments[arguments.index(name) + 1])


@pytest.fixture(scope="module")
def dropout():
    folder = find_pipeline("student_dropout")
    return compile_configuration(folder, folder.load(), "semester2", IMAGE)


@pytest.fixture(scope="module")
def dropout_monitor():
    folder = find_pipeline("student_dropout")
    places = ["push.store=s3://models", "kubeflow.data_uri=s3://records/dropout", "monitor.log=s3://logs/dropout"]
    config = folder.load([*places, "retrain.labelled=s3://records/dropout/labelled"])
    return compile_configuration(folder, config, "semester2", IMAGE, "monitor")


@pytest.mark.parametrize("name", ["dropout", "dropout_monitor"])
def test_the_specs_of_student_dropout_are_the_golden_ones(name, request):
    """`YACHAY_UPDATE_GOLDEN=1 pytest tests/pipelines/kubeflow/compile/test_compiler.py` writes them anew."""
    compiled = request.getfixturevalue(name).to_yaml()
    patched = re.sub(r"sdkVersion: .*", "sdkVersion: VERSION", compiled)
    patched = patched.replace(f'"{yachay.__version__}"', '"VERSION"')
    patched = patched.replace(f"constant: {yachay.__version__}\n", "constant: VERSION\n")
    golden = GOLDEN / f"student_{name}.yaml"
    if os.environ.get("YACHAY_UPDATE_GOLDEN"):
        golden.write_text(patched, encoding="utf-8")
    assert f"sdkVersion: yachay-{yachay.__version__}+tfx-{tfx.__version__}\n" in compiled
    assert patched == golden.read_text(encoding="utf-8")


def test_the_same_pipeline_compiles_to_the_same_bytes(dropout):
    folder = find_pipeline("student_dropout")
    assert compile_configuration(folder, folder.load(), "semester2", IMAGE).to_yaml() == dropout.to_yaml()


def test_the_file_is_one_strict_spec_and_one_platform_document(dropout):
    spec, platform = yaml.safe_load_all(dropout.to_yaml())
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    assert parsed.schema_version == "2.1.0"
    assert "lifecycle" not in dropout.to_yaml()
    assert "instanceSchema" not in dropout.to_yaml()


def test_the_kfp_sdk_loads_the_file(dropout, tmp_path):
    path = tmp_path / "dropout.yaml"
    path.write_text(dropout.to_yaml())
    loaded = components.load_component_from_file(str(path))
    assert set(loaded.component_spec.inputs) == {"data_uri", "pipeline_root", "family", "seed", "rounds"}


def test_every_parameter_but_the_records_has_a_default(dropout):
    parameters = dropout.pipeline_spec["root"]["inputDefinitions"]["parameters"]
    assert {name: parameter.get("defaultValue") for name, parameter in parameters.items()} == {
        "data_uri": None,
        "pipeline_root": "",
        "family": "boosted_trees",
        "seed": 42,
        "rounds": 0,
    }


def test_what_the_cache_cannot_know_is_never_taken_from_it(dropout):
    tasks = tasks_of(dropout.pipeline_spec)
    uncached = {name for name, task in tasks.items() if not task["cachingOptions"].get("enableCache")}
    assert uncached == {
        "ColumnarExampleGen",
        "ColumnarExampleGen-resolve",
        "ColumnarExampleGen-data",
        "LatestBlessedModel",
        "LatestBlessedModel-resolve",
        "Pusher",
    }


def test_the_baseline_is_a_step_an_importer_in_a_sub_dag_and_an_optional_input(dropout):
    spec = dropout.pipeline_spec
    evaluator = tasks_of(spec)["Evaluator"]["inputs"]["artifacts"]["baseline_model"]
    assert evaluator == {"taskOutputArtifact": {"producerTask": "LatestBlessedModel", "outputArtifactKey": "model"}}
    assert spec["components"]["comp-Evaluator"]["inputDefinitions"]["artifacts"]["baseline_model"]["isOptional"]
    assert spec["deploymentSpec"]["executors"]["exec-LatestBlessedModel-import"]["importer"]["artifactUri"] == {
        "runtimeParameter": "uri"
    }
    assert not any("resolver" in executor for executor in spec["deploymentSpec"]["executors"].values())


def test_only_the_steps_that_open_the_store_get_its_credentials(dropout):
    executors = dropout.platform_spec["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == {"exec-LatestBlessedModel-resolve", "exec-Pusher"}


def test_no_two_steps_have_the_same_container(dropout):
    executors = dropout.pipeline_spec["deploymentSpec"]["executors"].values()
    containers = [yaml.dump(executor["container"]) for executor in executors if "container" in executor]
    assert len(set(containers)) == len(containers)


def test_resources_reach_every_step_also_the_ingest():
    folder = find_pipeline("student_dropout")
    config = folder.load(
        [
            "kubeflow.resources.default={memory: 4Gi, retry: {max_count: 2}}",
            "kubeflow.resources.Trainer={preset: gke-l4, cpu: 8}",
        ]
    )
    compiled = compile_configuration(folder, config, "semester2", IMAGE)
    executors = compiled.pipeline_spec["deploymentSpec"]["executors"]
    for label, executor in executors.items():
        if "container" in executor:
            assert executor["container"]["resources"]["resourceMemoryLimit"] == "4Gi", label
    assert executors["exec-Trainer"]["container"]["resources"]["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert tasks_of(compiled.pipeline_spec)["ColumnarExampleGen"]["retryPolicy"]["maxRetryCount"] == 2
    placed = compiled.platform_spec["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert placed["exec-Trainer"]["nodeSelector"]["labels"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}


def test_a_spec_of_the_profile_mock_needs_no_records_and_is_named_apart():
    folder = find_pipeline("student_dropout")
    compiled = compile_configuration(folder, folder.load(profile="mock"), "semester2", IMAGE)
    spec = compiled.pipeline_spec
    assert spec["pipelineInfo"]["name"] == "student-dropout--semester2--mock"
    assert spec["root"]["inputDefinitions"]["parameters"]["data_uri"]["defaultValue"] == ""
    assert argument(spec, "ColumnarExampleGen", "--options")["raw_data"]["mock"] == (
        "yachay.schemas.student_dropout.mock.write_mock_csv"
    )


@pytest.mark.parametrize(("profile", "is_synthetic"), [("", False), ("mock", True)])
def test_a_package_knows_whether_its_pipeline_writes_the_records(tmp_path, profile, is_synthetic):
    folder = find_pipeline("student_dropout")
    path = tmp_path / "spec.yaml"
    path.write_text(compile_configuration(folder, folder.load(profile=profile), "semester2", IMAGE).to_yaml())
    assert read_package(path).is_synthetic is is_synthetic


def test_a_runtime_parameter_keeps_its_default():
    scale = RuntimeParameter(name="scale", ptype=int, default=3)
    spec = compile_nodes(samples.score(scale=scale))
    assert spec["root"]["inputDefinitions"]["parameters"]["scale"] == {
        "parameterType": "NUMBER_INTEGER",
        "defaultValue": 3,
    }


def test_a_value_that_a_step_computes_reaches_the_next_by_a_parameter_of_its_own_name():
    score = samples.score(scale=2).with_id("my_score")
    spec = compile_nodes(score, samples.train(rows=score.outputs["rows"].future()[0].value))
    assert tasks_of(spec)["train"]["inputs"]["parameters"]["rows"] == {
        "taskOutputParameter": {"producerTask": "my-score", "outputParameterKey": "rows_value"}
    }
    assert list(spec["components"]["comp-my-score"]["outputDefinitions"]["parameters"]) == ["rows_value"]
    assert argument(spec, "my-score", "--options")["output_parameters"] == {"rows_value": "rows"}


def test_a_float_that_a_step_computes_is_rejected_with_the_node():
    share = samples.share(scale=2)
    with pytest.raises(CompileError, match=r"Expected rate of 'step_size', .* the Float 'rate' of 'share'. Let it"):
        compile_nodes(share, samples.step_size(rate=share.outputs["rate"].future()[0].value))


def test_a_condition_names_what_the_gated_step_takes():
    train = samples.train(rows=1)
    bless = samples.bless(model=train.outputs["model"])
    with Cond(bless.outputs["blessing"].future()[0].custom_property("blessed") == 1):
        push = samples.push(model=train.outputs["model"], verdict=bless.outputs["blessing"])
    spec = compile_nodes(train, bless, push)
    condition = tasks_of(spec)["push"]["triggerPolicy"]["condition"]
    assert "inputs.artifacts['verdict'].artifacts[0].metadata['blessed']" in condition
    assert "_bless.blessing" not in condition


def test_an_exit_handlers_pipeline_has_its_parameters_in_the_sub_dag():
    scale = RuntimeParameter(name="scale", ptype=int, default=3)
    handler = samples.clean(status=FinalStatusStr())
    spec = compile_nodes(samples.score(scale=scale), exit_handler=handler)
    inner = tasks_of(spec)["tfx-dag"]
    assert inner["inputs"]["parameters"] == {"scale": {"componentInputParameter": "scale"}}
    assert spec["components"]["comp-tfx-dag"]["inputDefinitions"]["parameters"] == {
        "scale": {"parameterType": "NUMBER_INTEGER"}
    }
    assert tasks_of(spec)["clean"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"


def test_an_importers_output_has_the_name_that_kfp_knows():
    model = Importer(source_uri="gs://bucket/model", artifact_type=standard_artifacts.Model).with_id("Imported")
    spec = compile_nodes(model, samples.bless(model=model.outputs["result"]))
    assert tasks_of(spec)["bless"]["inputs"]["artifacts"]["model"] == {
        "taskOutputArtifact": {"producerTask": "Imported", "outputArtifactKey": "artifact"}
    }


def test_a_container_of_its_own_gets_local_paths():
    train = samples.train(rows=1)
    own = create_container_component(
        name="Own",
        image="other:1",
        command=["copy", placeholders.InputUriPlaceholder("model")],
        inputs={"model": standard_artifacts.Model},
    )
    spec = compile_nodes(train, own(model=train.outputs["model"]))
    container = spec["deploymentSpec"]["executors"]["exec-Own"]["container"]
    assert container["command"] == ["copy", "{{$.inputs.artifacts['model'].path}}"]
    assert container["image"] == "other:1"


def test_a_stock_example_gen_does_its_drivers_work_in_the_step():
    spec = compile_nodes(CsvExampleGen(input_base="/mounted"))
    assert argument(spec, "CsvExampleGen", "--options")["resolves_files"] is True
    assert not tasks_of(spec)["CsvExampleGen"]["cachingOptions"]


def resolve_latest(strategy, name="Latest"):
    return Resolver(
        strategy_class=strategy,
        model=types.Channel(type=standard_artifacts.Model),
        model_blessing=types.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id(name)


def test_a_resolvers_steps_are_found_whatever_its_name():
    latest = resolve_latest(LatestBlessedModelStrategy, "latest.blessed")
    spec = compile_nodes(latest, samples.bless(model=latest.outputs["model"]))
    uri = tasks_of(spec)["latest-blessed"]["inputs"]["parameters"]["uri"]
    assert uri["taskOutputParameter"]["producerTask"] == "latest-blessed-resolve"
    assert "env" in spec["deploymentSpec"]["executors"]["exec-latest-blessed-resolve"]["container"]


def reject(message, *nodes, **options):
    with pytest.raises(CompileError, match=message):
        compile_nodes(*nodes, **options)


def test_another_resolver_strategy_is_rejected():
    reject(
        r"resolver 'Latest' to have LatestBlessedModelStrategy.*LatestArtifact", resolve_latest(LatestArtifactStrategy)
    )


def test_the_blessing_of_a_resolver_is_rejected():
    latest = resolve_latest(LatestBlessedModelStrategy)
    taker = samples.compare(model=latest.outputs["model"], blessing=latest.outputs["model_blessing"])
    reject(r"take the model of the resolver 'Latest' only", latest, taker)


def test_an_infra_validator_is_rejected():
    train = samples.train(rows=1)
    validator = InfraValidator(model=train.outputs["model"], serving_spec=_serving_spec())
    reject(r"InfraValidator 'InfraValidator', which TFX does not compile. Remove it", train, validator)


def _serving_spec():
    return infra_validator_pb2.ServingSpec(tensorflow_serving={"tags": ["latest"]}, local_docker={})


def test_an_importer_of_a_local_path_is_rejected():
    model = Importer(source_uri="/data/model", artifact_type=standard_artifacts.Model).with_id("Imported")
    reject(r"importer 'Imported' to name a URI that begins with gs://.*'/data/model'", model)


def test_an_importer_under_a_condition_is_rejected():
    train = samples.train(rows=1)
    with Cond(train.outputs["model"].future()[0].uri != ""):
        model = Importer(source_uri="gs://b/model", artifact_type=standard_artifacts.Model).with_id("Imported")
    reject(r"importer 'Imported' to have no condition", train, model)


def test_a_module_file_is_rejected():
    train = samples.train(rows=1)
    trainer = Trainer(
        examples=types.Channel(type=standard_artifacts.Examples),
        module_file="trainer.py",
        base_model=train.outputs["model"],
    )
    reject(r"'Trainer' to name its code by a dotted path.*run_fn='package\.module\.run_fn'", train, trainer)


@pytest.mark.parametrize("path", ["nowhere.run_fn", "yachay.components.trainer.run_fn.nothing", "__main__.run_fn"])
def test_user_code_that_cannot_be_imported_is_rejected(path):
    trainer = Trainer(examples=types.Channel(type=standard_artifacts.Examples), run_fn=path)
    reject(rf"run_fn of 'Trainer' to be importable here as in the image. Received: '{re.escape(path)}'", trainer)


def test_an_executor_that_cannot_be_imported_is_rejected():
    class Hidden(samples.Executor):
        pass

    node = samples.train(rows=1)
    node.executor_spec.executor_class = Hidden
    reject(r"executor of 'train' to be importable. Received: .*<locals>\.Hidden", node)


def test_a_driver_of_its_own_is_rejected():
    class Driver(BaseDriver):
        pass

    node = samples.train(rows=1)
    node.driver_class = Driver
    reject(r"'train' to have no driver of its own.*Received: Driver.*NEEDS_NO_DRIVER", node)


def test_an_artifact_type_without_a_namespace_is_rejected():
    node = StatisticsGen(examples=types.Channel(type=standard_artifacts.Examples))
    node.outputs["statistics"].type = samples.Unnamed
    reject(r"artifact type of StatisticsGen.statistics to have a name such as 'yachay\.Quarantine'", node)


def test_an_argument_that_linux_does_not_take_is_rejected():
    train = samples.train(rows=1)
    bless = samples.bless(model=train.outputs["model"])
    push = samples.push(model=train.outputs["model"], verdict=bless.outputs["blessing"], note="x" * 2**17)
    reject(r"the parameters of 'push' to have less than 131,072 bytes", train, bless, push)


def test_nodes_whose_names_become_one_are_rejected():
    nodes = [samples.train(rows=1).with_id("my_train"), samples.train(rows=1).with_id("my.train")]
    reject(r"'my\.train' and 'my_train', which are both 'my-train'", *nodes)


def test_a_node_of_a_name_that_the_compiler_needs_is_rejected():
    nodes = [resolve_latest(LatestBlessedModelStrategy), samples.train(rows=1).with_id("Latest-resolve")]
    reject(r"no node of the name 'Latest-resolve'", *nodes)


@pytest.mark.parametrize("name", ["Sample", "sample-", "my_sample"])
def test_a_pipeline_name_that_kubernetes_does_not_take_is_rejected(name):
    reject(rf"Received: '{name}'. Rename the pipeline", samples.train(rows=1), name=name)


def test_an_unknown_preset_is_rejected():
    settings = Kubeflow.model_validate({"resources": {"train": {"preset": "gke-l9"}}})
    reject(r"Received: 'gke-l9'. Did you mean 'gke-l4'", samples.train(rows=1), settings=settings)


def images_of(settings):
    examples = CsvExampleGen(input_base="/data")
    statistics = StatisticsGen(examples=examples.outputs["examples"])
    spec = compile_nodes(examples, statistics, settings=settings)
    executors = spec["deploymentSpec"]["executors"]
    return {label: executor["container"]["image"] for label, executor in executors.items()}


def test_a_step_has_its_own_image_and_one_with_a_device_the_image_for_gpus():
    settings = Kubeflow.model_validate(
        {"gpu_image": "gpu:1", "resources": {"StatisticsGen": {"accelerator": {"count": 2}}}}
    )
    assert images_of(settings) == {"exec-CsvExampleGen": IMAGE, "exec-StatisticsGen": "gpu:1"}
    own = Kubeflow.model_validate({"gpu_image": "gpu:1", "resources": {"CsvExampleGen": {"image": "mine:1"}}})
    assert images_of(own) == {"exec-CsvExampleGen": "mine:1", "exec-StatisticsGen": IMAGE}


def test_a_step_knows_how_many_devices_it_asks_for():
    settings = Kubeflow.model_validate({"resources": {"CsvExampleGen": {"accelerator": {"count": 2}}}})
    spec = compile_nodes(CsvExampleGen(input_base="/data"), settings=settings)
    assert argument(spec, "CsvExampleGen", "--options")["accelerators"] == 2


@pytest.mark.parametrize(
    ("overrides", "warning"),
    [
        (("kubeflow.resources.Trainer.preset=gke-l4",), "the family 'boosted_trees' trains on the CPU"),
        (
            ("kubeflow.resources.default.preset=gke-l4", "model.family=keras"),
            "ColumnarExampleGen, ColumnarExampleGen-resolve",
        ),
    ],
)
def test_a_device_that_nothing_uses_is_warned_of(overrides, warning):
    folder = find_pipeline("student_dropout")
    compiled = compile_configuration(folder, folder.load(overrides), "semester2", IMAGE)
    assert any(warning in one for one in compiled.warnings), compiled.warnings


def test_several_devices_for_a_family_that_uses_one_are_warned_of():
    family = dataclasses.replace(load_families()["keras"], name="one_gpu", supports_multiple_gpus=False)
    (warning,) = device_warnings({"Trainer": 4}, {"Trainer": "trainer"}, family)
    assert "asks for 4 accelerators, and the family 'one_gpu' uses one" in warning


@pytest.mark.parametrize("resources", ["preset=gke-l4", "accelerator.count=4"])
def test_a_device_that_the_family_uses_is_not_warned_of(resources):
    folder = find_pipeline("student_dropout")
    config = folder.load((f"kubeflow.resources.Trainer.{resources}", "model.family=keras"))
    assert compile_configuration(folder, config, "semester2", IMAGE).warnings == ()


def test_code_of_a_folder_is_named_in_the_spec_and_a_warning_says_what_the_image_must_hold(tmp_path):
    folder = tmp_path / "dropout_of_ours"
    folder.mkdir()
    config = (Path(yachay.__file__).parent / "pipelines/student_dropout/config.yaml").read_text()
    (folder / "config.yaml").write_text(config)
    (folder / "report.py").write_text("SECTIONS = []\n")
    found = find_pipeline(str(folder))
    compiled = compile_configuration(found, found.load(), "semester2", IMAGE)
    assert argument(compiled.pipeline_spec, "Trainer", "--options")["package"] == "dropout_of_ours"
    [warning] = compiled.warnings
    assert "`COPY dropout_of_ours /opt/code/dropout_of_ours` and `ENV PYTHONPATH=/opt/code`" in warning


def test_a_folder_of_configuration_only_needs_nothing_of_the_image(tmp_path):
    folder = tmp_path / "dropout_by_config"
    folder.mkdir()
    config = (Path(yachay.__file__).parent / "pipelines/student_dropout/config.yaml").read_text()
    (folder / "config.yaml").write_text(config)
    found = find_pipeline(str(folder))
    compiled = compile_configuration(found, found.load(), "semester2", IMAGE)
    assert "package" not in argument(compiled.pipeline_spec, "Trainer", "--options")
    assert compiled.warnings == ()
