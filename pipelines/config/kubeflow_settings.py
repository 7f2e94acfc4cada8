"""The section `kubeflow` of a configuration: image, store, baseline, and the place of every step."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from ...components.settings import Settings
from ...errors import CompileError
from ...uris import DATA_PLACES, ROOT_SCHEMES, is_data_uri, is_root
from .kubernetes_names import (
    EnvName,
    Image,
    LabelKey,
    LabelValue,
    MountPath,
    ObjectName,
    Quantity,
    ResourceName,
    SecretKey,
    is_image,
)

Count = Annotated[int, Field(ge=1)]
MAX_DEVICES = 256  # The largest nodes have 16 GPUs, or 128 cores of other accelerators.
Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]


def _fits_a_node(count: int) -> int:
    if count > MAX_DEVICES:
        raise ValueError(f"expected at most {MAX_DEVICES}, for a pod's devices are on one node and none has more")
    return count


class Accelerator(Settings):
    """The devices of a step, by the name of the Kubernetes resource."""

    type: ResourceName = "nvidia.com/gpu"
    count: Annotated[Count, AfterValidator(_fits_a_node)] = 1


class Toleration(Settings):
    """A taint that a step's pod tolerates."""

    key: LabelKey | Literal[""] = ""
    operator: Literal["Exists", "Equal"] = "Exists"
    value: LabelValue = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    seconds: int | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise ValueError("expected no `value` with operator Exists; write operator Equal")
        if self.operator == "Equal" and not self.key:
            raise ValueError("expected a `key` with operator Equal")
        if self.seconds is not None and self.effect != "NoExecute":
            raise ValueError("expected `seconds` with effect NoExecute only")
        return self


class Requirement(Settings):
    """A label that a node must or should have."""

    key: LabelKey
    operator: Operator = "In"
    values: list[LabelValue] = []

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.operator in ("In", "NotIn") and not self.values:
            raise ValueError(f"expected `values` with operator {self.operator}")
        if self.operator in ("Exists", "DoesNotExist") and self.values:
            raise ValueError(f"expected no `values` with operator {self.operator}")
        if self.operator in ("Gt", "Lt") and not (len(self.values) == 1 and self.values[0].isdecimal()):
            raise ValueError(f"expected one whole number as `values` with operator {self.operator}")
        return self


class NodeAffinity(Settings):
    """Nodes that a step's pod needs, or with a `weight` (1 to 100) prefers."""

    labels: list[Requirement] = Field(min_length=1)
    weight: Annotated[int, Field(ge=1, le=100)] | None = None


class Secret(Settings):
    """A secret as environment variables (`env`: variable to key) or as files below `mount_path`."""

    name: ObjectName
    env: dict[EnvName, SecretKey] = {}
    mount_path: MountPath | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.env) == (self.mount_path is not None):
            raise ValueError("expected either `env` or `mount_path`")
        return self


class VolumeClaim(Settings):
    """A persistent volume claim that is there already."""

    name: ObjectName
    mount_path: MountPath
    sub_path: str = ""


class EphemeralVolume(Settings):
    """Disk that a step's pod gets for its lifetime (a generic ephemeral volume), of a storage class or the default one.

    The launcher keeps a step's inputs and outputs below `/minio/BUCKET`, `/s3/BUCKET` or `/gcs/BUCKET`: mounted there,
    the volume takes them in place of the node's own disk.
    """

    size: Quantity
    mount_path: MountPath
    storage_class: ObjectName | None = None


class Retry(Settings):
    """How often a failed step is tried again, and after how long."""

    max_count: Count
    backoff_seconds: Annotated[int, Field(ge=0)] = 0
    backoff_factor: Annotated[float, Field(ge=1)] = 2.0
    max_backoff_seconds: Count = 3600


# Kubernetes has them, Kubeflow Pipelines has no field of a step for them.
_NOT_OF_A_STEP = {
    "ephemeral_storage": "Kubeflow Pipelines requests and limits cpu, memory and devices only. Name a volume in "
    "`ephemeral_volumes`, or a node pool with larger disks in `node_selector`",
    "ephemeral_storage_request": "see `ephemeral_volumes`",
    "service_account": "Kubeflow Pipelines gives all steps of a run the same one. Name it when the run is started: "
    "yachay submit --service-account",
    "pod_affinity": "no backend of Kubeflow Pipelines reads it. Take `node_affinity`",
}


class Resources(Settings):
    """What a step gets and where it runs; `preset` is a GPU node pool of `presets.PRESETS`, the other fields win."""

    image: Image | None = None
    preset: str | None = None
    cpu: Quantity | None = None
    cpu_request: Quantity | None = None
    memory: Quantity | None = None
    memory_request: Quantity | None = None
    accelerator: Accelerator | None = None
    node_selector: dict[LabelKey, LabelValue] = {}
    tolerations: list[Toleration] = []
    node_affinity: list[NodeAffinity] = []
    shared_memory: Quantity | None = None
    ephemeral_volumes: list[EphemeralVolume] = []
    env: dict[EnvName, str] = {}
    secrets: list[Secret] = []
    volumes: list[VolumeClaim] = []
    deadline_seconds: Count | None = None
    retry: Retry | None = None
    pod_labels: dict[LabelKey, LabelValue] = {}
    pod_annotations: dict[LabelKey, str] = {}
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: list[ObjectName] = []

    @model_validator(mode="before")
    @classmethod
    def _known_to_kubeflow(cls, fields: Any) -> Any:
        for name, instead in _NOT_OF_A_STEP.items():
            if isinstance(fields, dict) and name in fields:
                raise ValueError(f"expected no `{name}`: {instead}")
        return fields

    @field_validator("cpu", "cpu_request", "memory", "memory_request", "shared_memory", mode="before")
    @classmethod
    def _number_as_quantity(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Store(Settings):
    """How the two steps that open the object store themselves do so; all other data is the launcher's to move.

    `env` is for such as `AWS_ENDPOINT_URL`. The default is the store that Kubeflow Pipelines installs since 2.16; up to
    2.15 its name is `minio-service`.
    """

    env: dict[EnvName, str] = {"AWS_ENDPOINT_URL": "http://seaweedfs.kubeflow:9000"}
    secrets: list[Secret] = [
        Secret(
            name="mlpipeline-minio-artifact",
            env={"AWS_ACCESS_KEY_ID": "accesskey", "AWS_SECRET_ACCESS_KEY": "secretkey"},
            optional=True,
        )
    ]


class Baseline(Settings):
    """Where the model lies with which a candidate is compared.

    `pointer` is the last blessed one, by the object that the Pusher's step writes; `inference_service` is the one that
    is serving, by the annotation `annotation` of the InferenceService `name` (in the step's own namespace where none is
    named); `metadata_store` asks ML Metadata, which Kubeflow Pipelines is about to give up; `none` compares with
    nothing.
    """

    source: Literal["pointer", "inference_service", "metadata_store", "none"] = "pointer"
    name: str = ""
    namespace: str = ""
    annotation: str = "yachay.dev/model-uri"

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.source == "inference_service" and not self.name:
            raise ValueError("expected `name` to name an InferenceService")
        return self


class Kubeflow(Settings):
    """How the pipeline is compiled for Kubeflow Pipelines.

    Args:
        image: string. Image that holds the library and the pipeline's own code; `--image` wins.
        gpu_image: string. Image of the steps that ask for an accelerator, but for those that name their own
            (`resources.<node>.image`). Defaults to `image`.
        pipeline_root: string. Default of the parameter `pipeline_root`; empty takes that of the run.
        data_uri: string. Default of the parameter `data_uri`; empty is mock data.
        baseline: `Baseline`.
        store: `Store`. Defaults to Kubeflow's own store for a root there or none, and to nothing elsewhere.
        resources: dict of node id, or `default` for all nodes, to `Resources`.
    """

    image: str | None = None
    gpu_image: Image | None = None
    pipeline_root: str = ""
    data_uri: str = ""
    baseline: Baseline = Baseline()
    store: Store | None = None
    resources: dict[str, Resources] = {}

    def choose_image(self, image: str | None) -> str:
        """Returns the image of the steps: the one that is given, else the configuration's.

        Raises:
            CompileError: if there is neither, or it is no name of an image.
        """
        chosen = self.image if image is None else image
        if chosen is None:
            raise CompileError(
                "Expected an image with the library and the pipeline's code. Received: none. Name it with --image, "
                "or as kubeflow.image in the configuration."
            )
        if not is_image(chosen):
            raise CompileError(
                "Expected an image such as registry.example/yachay:1, its name in lower case. "
                f"Received: {chosen!r}. Correct --image, or kubeflow.image in the configuration."
            )
        return chosen

    @field_validator("pipeline_root")
    @classmethod
    def _supported_scheme(cls, root: str) -> str:
        if root and not is_root(root):
            raise ValueError(
                f"expected {', '.join(ROOT_SCHEMES)} and a bucket, the stores that Kubeflow Pipelines knows"
            )
        return root.rstrip("/")

    @field_validator("data_uri")
    @classmethod
    def _place_of_records(cls, uri: str) -> str:
        if uri and not is_data_uri(uri):
            raise ValueError(f"expected {DATA_PLACES}")
        return uri
