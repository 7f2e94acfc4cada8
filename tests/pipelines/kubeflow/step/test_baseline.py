import json
import os
import subprocess
import sys

import pytest
from kubernetes import client, config
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from s3_server import s3_server

from yachay.errors import StoreError, UsageError
from yachay.pipelines.kubeflow.spec.options import StepOptions
from yachay.pipelines.kubeflow.step import object_store
from yachay.pipelines.kubeflow.step import resolve as resolve_module
from yachay.pipelines.kubeflow.step.executor_input import StepArtifact, StepInput
from yachay.pipelines.kubeflow.step.pointer import read_pointer, write_pointer
from yachay.pipelines.kubeflow.step.resolve import find_baseline, latest_blessed, serving_model
from yachay.pipelines.kubeflow.step.roots import find_root
from yachay.uris import split_pattern

ROOT = "minio://mlpipeline/v2/artifacts"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("YACHAY_OBJECT_STORE", str(tmp_path))
    return tmp_path


def test_the_pointer_names_the_model_that_was_written_last(store):
    assert read_pointer(ROOT, "dropout") is None
    write_pointer(ROOT, "dropout", "minio://mlpipeline/first")
    write_pointer(ROOT, "dropout", "minio://mlpipeline/second", pushed_version="2")
    assert read_pointer(ROOT, "dropout") == "minio://mlpipeline/second"
    assert [path.name for path in store.rglob("*") if path.is_file()] == ["latest_blessed.json"]


def test_a_pointer_that_is_no_pointer_is_rejected_with_the_fix(store):
    write_pointer(ROOT, "dropout", "x")
    next(store.rglob("latest_blessed.json")).write_text("[]")
    with pytest.raises(StoreError, match=r"to be a JSON object with `model_uri`.*Remove the object"):
        read_pointer(ROOT, "dropout")


def test_a_store_without_its_client_says_what_to_install(monkeypatch):
    monkeypatch.delenv("YACHAY_OBJECT_STORE", raising=False)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StoreError, match=r"Expected to open s3://b/k.*its extra `kubeflow`"):
        object_store.read_object("minio://b/k")


def test_a_pipeline_has_a_baseline_of_its_own(store):
    options = StepOptions("dropout", baseline={"source": "pointer"})
    write_pointer(ROOT, "dropout--mock", "minio://b/mock")
    assert find_baseline(options, ROOT) is None
    write_pointer(ROOT, "dropout", "minio://b/real")
    assert find_baseline(options, ROOT) == "minio://b/real"


def test_no_source_is_no_baseline():
    assert find_baseline(StepOptions("dropout", baseline={"source": "none"}), ROOT) is None


class FakeCustomObjects:
    """Answers as the Kubernetes API does."""

    def __init__(self, answer):
        self._answer = answer

    def get_namespaced_custom_object(self, *path):
        assert path == ("serving.kserve.io", "v1beta1", "ml", "inferenceservices", "dropout")
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setattr(config, "load_incluster_config", lambda: None)

    def answer(what):
        monkeypatch.setattr(client, "CustomObjectsApi", lambda: FakeCustomObjects(what))

    return answer


def test_the_serving_model_is_the_one_of_the_annotation(serve):
    serve({"metadata": {"annotations": {"yachay.dev/model-uri": "s3://b/model"}}})
    assert serving_model("dropout", "ml", "yachay.dev/model-uri") == "s3://b/model"


def test_a_service_that_is_not_there_is_no_baseline(serve):
    serve(client.ApiException(status=404))
    assert serving_model("dropout", "ml", "yachay.dev/model-uri") is None


def test_a_service_that_may_not_be_read_says_which_right_is_missing(serve):
    serve(client.ApiException(status=403, reason="Forbidden"))
    with pytest.raises(UsageError, match=r"Received: 403 Forbidden. Give the service account .* the verb get"):
        serving_model("dropout", "ml", "yachay.dev/model-uri")


def test_a_service_without_the_annotation_is_rejected(serve):
    serve({"metadata": {}})
    with pytest.raises(UsageError, match=r"to have the annotation yachay\.dev/model-uri"):
        serving_model("dropout", "ml", "yachay.dev/model-uri")


def test_the_root_is_the_parameter_or_what_an_artifacts_uri_shows():
    uri = "gs://bucket/deep/root/dropout/run-1/Trainer/uuid/model"
    assert find_root("gs://named/", uri, "dropout") == "gs://named"
    assert find_root("", uri, "dropout") == "gs://bucket/deep/root"


def test_a_root_that_nothing_shows_is_asked_for():
    with pytest.raises(UsageError, match="Expected the parameter pipeline_root"):
        find_root("", "/local/elsewhere", "dropout")


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("gs://b/data.csv", ("gs://b/data.csv", "")),
        ("gs://b/raw/", ("gs://b/raw", "")),
        ("s3://b/raw/span-{SPAN}/*.csv", ("s3://b/raw", "span-{SPAN}/*.csv")),
    ],
)
def test_what_the_launcher_brings_is_the_fixed_part_of_a_pattern(uri, parts):
    assert split_pattern(uri) == parts


@pytest.mark.parametrize("uri", ["gs://bucket", "gs://bucket/*.csv"])
def test_a_whole_bucket_is_not_brought(uri):
    with pytest.raises(UsageError, match=r"with a bucket and a folder or object below it. Received: 'gs://bucket"):
        split_pattern(uri)


@pytest.fixture
def metadata(tmp_path):
    """A metadata store with the type of a blessing, and of the contexts that Kubeflow Pipelines makes."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    store = metadata_store.MetadataStore(config)
    store.put_artifact_type(metadata_store_pb2.ArtifactType(name="tfx.ModelBlessing"))
    for kind in ("tfx.Model", "tfx.PushedModel"):
        store.put_artifact_type(metadata_store_pb2.ArtifactType(name=kind))
    for kind in ("system.Pipeline", "system.PipelineRun"):
        store.put_context_type(metadata_store_pb2.ContextType(name=kind))
    return store


def put_context(metadata, kind, name, parent=None):
    context = metadata_store_pb2.Context(type_id=metadata.get_context_type(kind).id, name=name)
    [context_id] = metadata.put_contexts([context])
    if parent is not None:
        metadata.put_parent_contexts([metadata_store_pb2.ParentContext(child_id=context_id, parent_id=parent)])
    return context_id


def put_artifact(metadata, context, blessed, model, kind="tfx.ModelBlessing"):
    artifact = metadata_store_pb2.Artifact(type_id=metadata.get_artifact_type(kind).id, uri=f"{model}/blessing")
    artifact.custom_properties["blessed"].double_value = blessed
    artifact.custom_properties["current_model"].string_value = model
    [artifact_id] = metadata.put_artifacts([artifact])
    metadata.put_attributions_and_associations(
        [metadata_store_pb2.Attribution(artifact_id=artifact_id, context_id=context)], []
    )


def put_push(metadata, context, pushed=1):
    artifact = metadata_store_pb2.Artifact(type_id=metadata.get_artifact_type("tfx.PushedModel").id)
    artifact.custom_properties["pushed"].double_value = pushed
    [artifact_id] = metadata.put_artifacts([artifact])
    metadata.put_attributions_and_associations(
        [metadata_store_pb2.Attribution(artifact_id=artifact_id, context_id=context)], []
    )


def test_of_the_blessings_in_the_metadata_store_the_latest_of_the_pipelines_runs_counts(metadata):
    pipeline = put_context(metadata, "system.Pipeline", "dropout")
    first, second = (put_context(metadata, "system.PipelineRun", name, pipeline) for name in ("run-1", "run-2"))
    other = put_context(metadata, "system.Pipeline", "churn")
    put_artifact(metadata, second, 1, "s3://b/first")
    put_artifact(metadata, first, 1, "s3://b/second")
    put_artifact(metadata, second, 0, "s3://b/rejected")
    put_artifact(metadata, second, 1, "s3://b/no-blessing", kind="tfx.Model")
    put_artifact(metadata, other, 1, "s3://b/others")
    for run in (first, second, other):
        put_push(metadata, run)
    assert latest_blessed(metadata, "dropout") == "s3://b/second"


def test_a_blessed_model_that_the_pusher_rejected_is_no_baseline(metadata):
    pipeline = put_context(metadata, "system.Pipeline", "dropout")
    first, second = (put_context(metadata, "system.PipelineRun", name, pipeline) for name in ("run-1", "run-2"))
    put_artifact(metadata, first, 1, "s3://b/pushed")
    put_push(metadata, first)
    put_artifact(metadata, second, 1, "s3://b/rejected")
    put_push(metadata, second, pushed=0)
    assert latest_blessed(metadata, "dropout") == "s3://b/pushed"


def test_a_metadata_store_without_a_blessing_knows_no_baseline(metadata):
    assert latest_blessed(metadata, "dropout") is None
    pipeline = put_context(metadata, "system.Pipeline", "dropout")
    run = put_context(metadata, "system.PipelineRun", "run-1", pipeline)
    put_artifact(metadata, run, 0, "s3://b/rejected")
    put_push(metadata, run)
    assert latest_blessed(metadata, "dropout") is None


@pytest.fixture(scope="module")
def s3():
    with s3_server() as server:
        yield server


def test_a_bucket_without_a_pointer_knows_no_baseline_and_a_missing_bucket_is_an_error(s3, monkeypatch):
    monkeypatch.delenv("YACHAY_OBJECT_STORE", raising=False)
    for name, value in {"ENDPOINT_URL": s3.url, "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3.reset()
    assert read_pointer("minio://models/root", "dropout") is None
    write_pointer("minio://models/root", "dropout", "minio://models/root/dropout/run-0/model")
    assert read_pointer("minio://models/root", "dropout") == "minio://models/root/dropout/run-0/model"
    with pytest.raises(StoreError, match=r"Expected a bucket 'modles' for minio://modles/.*Received: no such bucket"):
        read_pointer("minio://modles/root", "dropout")


def test_a_run_without_a_metadata_store_says_what_to_take_instead(monkeypatch):
    monkeypatch.delenv("METADATA_GRPC_SERVICE_HOST", raising=False)
    with pytest.raises(UsageError, match=r"Expected METADATA_GRPC_SERVICE_HOST .* `kubeflow.baseline.source: pointer`"):
        find_baseline(StepOptions("dropout", baseline={"source": "metadata_store"}), ROOT)


@pytest.mark.parametrize("data_uri", ["hdfs://x/y", "gs://bucket", "records.csv"])
def test_what_can_be_no_place_of_records_fails_the_first_step(tmp_path, data_uri):
    made = StepArtifact("system.Artifact", f"{ROOT}/dropout/run-1/x/y", str(tmp_path / "resolution"), "1", {})
    parameters = {"data_uri": data_uri, "pipeline_root": ""}
    step = StepInput({}, {"resolution": made}, parameters, {}, tmp_path / "output_metadata.json")
    with pytest.raises(UsageError, match=f"Expected the parameter data_uri to be .* Received: '{data_uri}'"):
        resolve_module.resolve("data", step, StepOptions("dropout"))


def resolve(tmp_path, parameters, *, what="baseline"):
    """Runs a resolve step in its own process, as a pod does."""
    base = f"{ROOT}/dropout/run-1/resolve/uuid"
    component = {
        "inputDefinitions": {
            "parameters": {name: {"parameterType": "STRING"} for name in ("data_uri", "pipeline_root")}
        },
        "outputDefinitions": {
            "artifacts": {"resolution": {"artifactType": {"schemaTitle": "system.Artifact"}}},
            "parameters": {"uri": {"parameterType": "STRING"}},
        },
    }
    executor_input = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "artifacts": {"resolution": {"artifacts": [{"name": "resolution", "uri": f"{base}/resolution"}]}},
            "parameters": {"uri": {"outputFile": str(tmp_path / "uri")}},
            "outputFile": str(tmp_path / "output_metadata.json"),
        },
    }
    options = StepOptions("dropout", baseline={"source": "pointer"}).to_json()
    return subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "yachay.pipelines.kubeflow.step.entrypoint",
                "--node",
                "resolve",
                "--resolve",
                what,
            ),
            *("--component", json.dumps(component), "--options", options),
            *("--executor-input", json.dumps(executor_input)),
        ],
        cwd=tmp_path,
        env={
            "YACHAY_MOUNT_ROOT": str(tmp_path / "mounts"),
            "YACHAY_OBJECT_STORE": str(tmp_path),
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_run_resolves_to_a_uri_that_was_never_written(tmp_path):
    done = resolve(tmp_path, {"data_uri": "", "pipeline_root": ""})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "uri").read_text() == f"{ROOT}/none"
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "done"


def test_a_later_run_resolves_to_the_model_of_the_pointer(tmp_path, store):
    write_pointer(ROOT, "dropout", f"{ROOT}/dropout/run-0/model")
    assert resolve(tmp_path, {"data_uri": "gs://x/y.csv", "pipeline_root": ROOT}).returncode == 0
    assert (tmp_path / "uri").read_text() == f"{ROOT}/dropout/run-0/model"


def test_data_in_a_store_resolves_to_its_fixed_part_and_any_other_to_none(tmp_path):
    resolve(tmp_path, {"data_uri": "s3://b/raw/*.csv", "pipeline_root": ROOT}, what="data")
    assert (tmp_path / "uri").read_text() == "s3://b/raw"
    resolve(tmp_path, {"data_uri": "/mounted/raw.csv", "pipeline_root": ROOT}, what="data")
    assert (tmp_path / "uri").read_text() == f"{ROOT}/none"


def test_a_step_that_fails_says_why_in_its_last_line(tmp_path):
    failed = resolve(tmp_path, {"data_uri": "gs://bucket", "pipeline_root": ""}, what="data")
    assert failed.returncode == 1
    report = json.loads(failed.stdout.splitlines()[-1])
    assert report["state"] == "failed"
    assert report["error"].startswith("Expected the parameter data_uri to be an absolute path, or gs://")
    assert not (tmp_path / "output_metadata.json").exists()


def test_arguments_that_cannot_be_read_have_a_status_of_their_own(tmp_path):
    command = [sys.executable, "-m", "yachay.pipelines.kubeflow.step.entrypoint", "--node", "x"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 2
