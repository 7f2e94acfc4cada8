"""The section `kubeflow` of a configuration: image, store, baseline, and the place of every step."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from ...components.settings import Settings
from ...errors import CompileError
from ...uris import DATA_PLACES, ROOT_SCHEMES, is_data_uri, is_root

Count = Annotated[int, Field(ge=1)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$")]
MountPath = Annotated[str, Field(pattern=r"^/.+")]
Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]


class Accelerator(Settings):
    """The devices of a step, by the name of the Kubernetes resource."""

    type: str = "nvidia.com/gpu"
    count: Count = 1


class Toleration(Settings):
    """A taint that a step's pod tolerates."""

    key: str = ""
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    seconds: int | None = None


class Requirement(Settings):
    """A label that a node must or should have."""

    key: str
    operator: Operator = "In"
    values: list[str] = []


class NodeAffinity(Settings):
    """Nodes that a step's pod needs, or with a `weight` (1 to 100) prefers."""

    labels: list[Requirement] = Field(min_length=1)
    weight: Annotated[int, Field(ge=1, le=100)] | None = None


class Secret(Settings):
    """A secret as environment variables (`env`: variable to key) or as files below `mount_path`."""

    name: str
    env: dict[str, str] = {}
    mount_path: MountPath | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.env) == (self.mount_path is not None):
            raise ValueError("expected either `env` or `mount_path`")
        return self


class VolumeClaim(Settings):
    """A persistent volume claim that is there already."""

    name: str
    mount_path: MountPath
    sub_path: str = ""


class Retry(Settings):
    """How often a failed step is tried again, and after how long."""

    max_count: Count
    backoff_seconds: Annotated[int, Field(ge=0)] = 0
    backoff_factor: Annotated[float, Field(ge=1)] = 2.0
    max_backoff_seconds: Count = 3600


class Resources(Settings):
    """What a step gets and where it runs; `preset` is a GPU node pool of `presets.PRESETS`, the other fields win."""

    preset: str | None = None
    cpu: Quantity | None = None
    cpu_request: Quantity | None = None
    memory: Quantity | None = None
    memory_request: Quantity | None = None
    accelerator: Accelerator | None = None
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    node_affinity: list[NodeAffinity] = []
    shared_memory: Quantity | None = None
    env: dict[str, str] = {}
    secrets: list[Secret] = []
    volumes: list[VolumeClaim] = []
    deadline_seconds: Count | None = None
    retry: Retry | None = None
    pod_labels: dict[str, str] = {}
    pod_annotations: dict[str, str] = {}
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: list[str] = []

    @field_validator("cpu", "cpu_request", "memory", "memory_request", mode="before")
    @classmethod
    def _number_as_quantity(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Store(Settings):
    """How the two steps that open the object store themselves do so; all other data is the launcher's to move.

    `env` is for such as `AWS_ENDPOINT_URL`. The default is the store that Kubeflow Pipelines installs since 2.16; up to
    2.15 its name is `minio-service`.
    """

    env: dict[str, str] = {"AWS_ENDPOINT_URL": "http://seaweedfs.kubeflow:9000"}
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
        pipeline_root: string. Default of the parameter `pipeline_root`; empty takes that of the run.
        data_uri: string. Default of the parameter `data_uri`; empty is mock data.
        baseline: `Baseline`.
        store: `Store`. Defaults to Kubeflow's own store for a root there or none, and to nothing elsewhere.
        resources: dict of node id, or `default` for all nodes, to `Resources`.
    """

    image: str | None = None
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
        if not re.fullmatch(r"\S+", chosen):
            raise CompileError(
                "Expected the image's name, such as registry.example/yachay:1, without white space. "
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
