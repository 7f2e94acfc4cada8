import pytest
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2

from yachay.errors import CompileError
from yachay.pipelines.config.kubeflow_settings import Accelerator, Resources, Retry
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
        "tolerations": [{"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule", "seconds": 60}],
        "node_affinity": [{"labels": [{"key": "zone", "values": ["a", "b"]}], "weight": 10}],
        "shared_memory": "2Gi",
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
def test_a_request_beyond_the_limit_is_refused(own, default):
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


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(
        CompileError, match=r"kubeflow.resources.Trainer.preset .* Received: 'gke-l5'. Did you mean 'gke-l4'"
    ):
        resolve_resources({"Trainer": Resources(preset="gke-l5")}, ["Trainer"])


def test_resources_of_an_unknown_node_are_refused_with_the_nearest():
    with pytest.raises(CompileError, match=r"Received: 'Trainr'. Did you mean 'Trainer'"):
        resolve_resources({"Trainr": Resources()}, ["Trainer"])


def test_a_retry_policy_has_durations():
    assert retry_policy(Retry(max_count=3, backoff_seconds=60)) == {
        "maxRetryCount": 3,
        "backoffDuration": "60s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }
