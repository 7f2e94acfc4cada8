import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2

from yachay.components.settings import check_settings
from yachay.errors import CompileError, ConfigurationError
from yachay.pipelines.config.kubeflow_settings import Accelerator, Kubeflow, Resources, Retry
from yachay.pipelines.kubeflow.compile.placement import (
    container_resources,
    platform_document,
    platform_executor,
    resolve_resources,
    retry_policy,
)
from yachay.pipelines.kubeflow.compile.presets import PRESETS

EVERYTHING = Resources.model_validate(
    {
        "node_selector": {"pool": "gpu"},
        "tolerations": [{"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoExecute", "seconds": 60}],
        "node_affinity": [{"labels": [{"key": "zone", "values": ["a", "b"]}], "weight": 10}],
        "shared_memory": "2Gi",
        "ephemeral_volumes": [{"size": "100Gi", "mount_path": "/minio/mlpipeline", "storage_class": "fast"}],
        "secrets": [{"name": "keys", "env": {"TOKEN": "token"}}, {"name": "files", "mount_path": "/secrets"}],
        "volumes": [{"name": "claim", "mount_path": "/data", "sub_path": "raw"}],
        "deadline_seconds": 3600,
        "pod_labels": {"team": "ml"},
        "pod_annotations": {"sidecar.istio.io/inject": "false"},
        "image_pull_policy": "IfNotPresent",
        "image_pull_secrets": ["registry"],
    }
)


def test_both_generations_of_resource_fields_are_written():
    resources = Resources(cpu="500m", memory="2Gi", memory_request="1G", accelerator=Accelerator(count=2))
    assert container_resources(resources) == {
        "cpuLimit": 0.5,
        "memoryLimit": 2.147483648,
        "memoryRequest": 1.0,
        "resourceCpuLimit": "500m",
        "resourceMemoryLimit": "2Gi",
        "resourceMemoryRequest": "1G",
        "accelerator": {
            "type": "nvidia.com/gpu",
            "count": "2",
            "resourceType": "nvidia.com/gpu",
            "resourceCount": "2",
        },
    }


def test_every_unit_of_kubernetes_is_known_of_every_quantity():
    fields = container_resources(Resources(cpu="1k", memory="500m"))
    assert (fields["cpuLimit"], fields["memoryLimit"]) == (1000, 5e-10)


@pytest.mark.parametrize(
    ("own", "default"),
    [
        ({"cpu": 1, "cpu_request": 4}, {}),
        ({"memory": "1Gi"}, {"memory_request": "1500M"}),
        ({"cpu": "500m"}, {"cpu_request": 1}),
    ],
)
def test_a_request_beyond_the_limit_is_rejected(own, default):
    resources = {"Trainer": Resources.model_validate(own), "default": Resources.model_validate(default)}
    with pytest.raises(CompileError, match=r"Expected 'Trainer' to request no more (cpu|memory) than its limit"):
        resolve_resources(resources, ["Trainer"])


def test_shared_memory_is_a_mount_for_kubeflow_passes_over_its_own_field():
    document = platform_executor(EVERYTHING)
    assert document["emptyDirMounts"] == [
        {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "2Gi"}
    ]
    assert "enabledSharedMemory" not in document


def test_everything_that_can_be_asked_for_is_known_to_kubeflows_proto():
    document = platform_executor(EVERYTHING)
    config = json_format.ParseDict(document, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    assert json_format.MessageToDict(config)["tolerations"][0]["tolerationSeconds"] == "60"
    assert document["pvcMount"] == [
        {
            "mountPath": "/data",
            "subPath": "raw",
            "constant": "claim",
            "pvcNameParameter": {"runtimeValue": {"constant": "claim"}},
        }
    ]
    assert document["secretAsEnv"][0]["secretName"] == "keys"
    assert document["secretAsEnv"][0]["secretNameParameter"] == {"runtimeValue": {"constant": "keys"}}
    assert document["secretAsEnv"][0]["keyToEnv"] == [{"secretKey": "token", "envVar": "TOKEN"}]
    assert document["genericEphemeralVolume"] == [
        {
            "volumeName": "ephemeral-0",
            "mountPath": "/minio/mlpipeline",
            "size": "100Gi",
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fast",
        }
    ]
    assert document["podMetadata"]["labels"] == {"team": "ml"}


def test_a_pipeline_that_asks_for_nothing_has_no_platform_document():
    assert platform_executor(Resources()) == {}
    assert platform_document({"exec-Trainer": {}}) is None


def test_the_platform_document_is_keyed_by_executor_label():
    document = platform_document({"exec-Trainer": platform_executor(EVERYTHING), "exec-Pusher": {}})
    assert document is not None
    assert list(document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]) == ["exec-Trainer"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_asks_for_a_gpu_and_tolerates_its_taint(preset):
    resources = resolve_resources({"Trainer": Resources(preset=preset)}, ["Trainer", "Pusher"])
    assert container_resources(resources["Trainer"])["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert platform_executor(resources["Trainer"])["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert platform_executor(resources["Pusher"]) == {}


def test_a_nodes_own_fields_win_over_the_preset_and_the_default():
    resources = resolve_resources(
        {"default": Resources(cpu="1", memory="1G"), "Trainer": Resources(preset="gke-l4", cpu="8")}, ["Trainer"]
    )["Trainer"]
    assert (resources.cpu, resources.memory) == ("8", "1G")
    assert resources.node_selector == {"cloud.google.com/gke-accelerator": "nvidia-l4"}


def test_an_unknown_preset_is_rejected_with_the_nearest():
    with pytest.raises(
        CompileError, match=r"kubeflow.resources.Trainer.preset .* Received: 'gke-l5'. Did you mean 'gke-l4'"
    ):
        resolve_resources({"Trainer": Resources(preset="gke-l5")}, ["Trainer"])


def test_resources_of_an_unknown_node_are_rejected_with_the_nearest():
    with pytest.raises(CompileError, match=r"Received: 'Trainr'. Did you mean 'Trainer'"):
        resolve_resources({"Trainr": Resources()}, ["Trainer"])


def test_a_retry_policy_has_durations():
    assert retry_policy(Retry(max_count=3, backoff_seconds=60)) == {
        "maxRetryCount": 3,
        "backoffDuration": "60s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("image: UPPER/Case:x", "image: expected an image such as registry.example/yachay:1, its name in lower case"),
        ("pod_labels: {bad key!: x}", "pod_labels.bad key!: expected a Kubernetes key such as team"),
        ("pod_labels: {team: 'data science'}", "pod_labels.team: expected a label's value"),
        ("pod_annotations: {/x: y}", "expected a Kubernetes key"),
        ("node_selector: {pool: '-gpu'}", "expected a label's value"),
        ("accelerator: {type: NVIDIA_TESLA_T4}", "expected the Kubernetes resource that the device's plug-in offers"),
        ("accelerator: {type: nvidia-tesla-t4}", "such as nvidia.com/gpu or amd.com/gpu"),
        ("accelerator: {type: gpu}", "which model it is, is chosen by preset or node_selector"),
        ("memory: 2GB", "expected a Kubernetes quantity above 0, such as 2, 500m, 1.5G or 4Gi"),
        ("memory: 4K", "expected a Kubernetes quantity"),
        ("cpu: 0", "expected a Kubernetes quantity above 0"),
        ("secrets: [{name: My_Secret, mount_path: /x}]", "expected the name of a Kubernetes object"),
        ("secrets: [{name: s, env: {A-B: key}}]", "expected the name of an environment variable"),
        ("secrets: [{name: s, env: {A: 'a key'}}]", "expected a key of a secret"),
        ("volumes: [{name: Claim, mount_path: /x}]", "expected the name of a Kubernetes object"),
        ("image_pull_secrets: [a/b]", "expected the name of a Kubernetes object"),
        ("tolerations: [{key: sku, value: gpu}]", "expected no `value` with operator Exists"),
        ("tolerations: [{key: sku, seconds: 5}]", "expected `seconds` with effect NoExecute only"),
        ("node_affinity: [{labels: [{key: zone}]}]", "expected `values` with operator In"),
        ("node_affinity: [{labels: [{key: n, operator: Gt, values: [a]}]}]", "expected one whole number"),
        ("ephemeral_storage: 10Gi", "Name a volume in `ephemeral_volumes`"),
        ("service_account: pipeline-runner", "yachay submit --service-account"),
    ],
)
def test_what_kubernetes_would_reject_in_a_pod_is_rejected_in_the_configuration(fields, message):
    with pytest.raises(ConfigurationError) as rejected:
        check_settings(Resources, yaml.safe_load(fields), "resources")
    assert message in str(rejected.value)


@pytest.mark.parametrize(
    "image",
    [
        "yachay",
        "registry.example:5000/team/yachay_gpu:1.0-rc.1",
        f"ghcr.io/x/y@sha256:{'ab' * 32}",
        f"x:1@sha256:{'0' * 64}",
    ],
)
def test_an_image_is_a_name_with_a_registry_a_tag_or_a_digest(image):
    assert Kubeflow(gpu_image=image).choose_image(image) == image


@pytest.mark.parametrize("image", ["UPPER/Case:x", "a b", "x:", "x@sha256:abc", "https://registry.example/x", ""])
def test_what_is_no_image_is_rejected_where_it_is_chosen(image):
    with pytest.raises(CompileError, match=r"Expected an image such as registry.example/yachay:1, its name in lower"):
        Kubeflow().choose_image(image)


def test_nodes_are_named_in_one_order():
    with pytest.raises(CompileError, match=r"\(Pusher, Trainer, Transform\) or default\. Received: 'Aa'"):
        resolve_resources({"Bb": Resources(), "Aa": Resources()}, ["Transform", "Trainer", "Pusher"])


def test_more_devices_than_a_node_has_are_rejected() -> None:
    with pytest.raises(
        ConfigurationError, match=r"accelerator\.count: expected at most 256, for a pod's devices are on"
    ):
        check_settings(Resources, {"accelerator": {"count": 10**12}}, "resources")
