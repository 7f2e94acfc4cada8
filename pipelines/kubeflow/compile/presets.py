"""GPU node pools for the steps of a pipeline: those of `manifests.node_pools`, where their labels stand.

A cluster's administrator may label and taint otherwise; then name the node selector and the tolerations instead.
"""

from collections.abc import Mapping

from ....manifests.node_pools import NODE_POOLS, NodePool
from ...config.kubeflow_settings import Accelerator, NodeAffinity, Requirement, Resources, Toleration


def _preset(pool: NodePool) -> Resources:
    choices = [Requirement(key=label, values=list(values)) for label, values in pool.labels.items() if len(values) > 1]
    return Resources(
        accelerator=Accelerator(),
        node_selector={label: values[0] for label, values in pool.labels.items() if len(values) == 1},
        node_affinity=[NodeAffinity(labels=choices)] if choices else [],
        tolerations=[Toleration.model_validate(toleration) for toleration in pool.tolerations],
    )


PRESETS: Mapping[str, Resources] = {name: _preset(pool) for name, pool in NODE_POOLS.items()}
