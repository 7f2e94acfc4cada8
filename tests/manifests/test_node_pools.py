import pytest

from yachay.manifests.errors import ManifestError
from yachay.manifests.node_pools import NODE_POOLS, find_node_pool


@pytest.mark.parametrize(
    ("cloud", "gpu", "label", "values"),
    [
        ("gke", "l4", "cloud.google.com/gke-accelerator", ("nvidia-l4",)),
        ("gke", "A100-80GB", "cloud.google.com/gke-accelerator", ("nvidia-a100-80gb",)),
        ("eks", "l4", "eks.amazonaws.com/instance-gpu-name", ("l4",)),
        ("eks", "karpenter-l4", "karpenter.k8s.aws/instance-gpu-name", ("l4",)),
        ("aks", "h100", "kubernetes.azure.com/accelerator", ("nvidia",)),
    ],
)
def test_a_gpu_leads_to_the_nodes_of_its_cloud(cloud, gpu, label, values):
    assert find_node_pool(cloud, gpu).labels[label] == values


def test_any_gpu_needs_no_kind_of_node():
    assert find_node_pool("none", "any").labels == find_node_pool("gke", "any").labels == {}
    assert find_node_pool("aks", "any").labels == {"kubernetes.azure.com/accelerator": ("nvidia",)}


def test_a_gpu_that_a_cloud_does_not_have_is_rejected():
    with pytest.raises(ManifestError, match=r"Expected a GPU that aks has \(t4, a100, h100 or any\). Received: 'l4'"):
        find_node_pool("aks", "l4")


def test_one_label_selects_and_a_choice_of_values_is_an_affinity():
    placement = find_node_pool("aks", "t4").placement()
    assert placement["nodeSelector"] == {"kubernetes.azure.com/accelerator": "nvidia"}
    [term] = placement["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    [choice] = term["matchExpressions"]
    assert (choice["key"], choice["operator"]) == ("node.kubernetes.io/instance-type", "In")
    assert "Standard_NC4as_T4_v3" in choice["values"]


@pytest.mark.parametrize("pool", NODE_POOLS)
def test_every_pool_tolerates_the_taint_of_gpus(pool):
    assert NODE_POOLS[pool].placement()["tolerations"][0]["key"] == "nvidia.com/gpu"
