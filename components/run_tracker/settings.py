"""Settings of `RunTracker`: the sections `tracking` and `registry` of a configuration."""

import os
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from ...model_store.location import check_location
from ..settings import Settings

URI_VARIABLE = "MLFLOW_TRACKING_URI"
"""Names the server where `tracking.uri` does not."""

PRODUCTION = "production"
CHAMPION, CHALLENGER = "champion", "challenger"


def public_address(uri: str) -> str:
    """Returns the address of a server without a slash at its end.

    Raises:
        ValueError: if it holds a user, a password or a query; the message does not.
    """
    parts = urlsplit(uri)
    if "@" in parts.netloc or parts.query:
        raise ValueError(
            "expected no user, password or query in the address, for a configuration is read by many; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    return uri.rstrip("/")


class TrackingSettings(Settings):
    """Where runs are tracked.

    Args:
        uri: string. Address of an MLflow server, such as `https://mlflow.example.org`. Empty takes
            `MLFLOW_TRACKING_URI`; where that is unset too, nothing is tracked.
        experiment: string. MLflow's experiment. Empty takes the pipeline's and the task's names.
    """

    uri: str = ""
    experiment: str = ""

    _is_public = field_validator("uri")(public_address)

    def find_uri(self) -> str:
        """Returns the server's address; empty where nothing is tracked.

        Raises:
            ValueError: if it holds a password.
        """
        return self.uri or public_address(os.environ.get(URI_VARIABLE, ""))


class Environment(Settings):
    """A place where models are in service.

    Args:
        store: string. Its model store, as `push.store`: each pipeline and task has a folder below it. Empty takes the
            store to which runs push.
        mount: string. Folder at which the claim of a `pvc://` is mounted.
        endpoint_url: string. Address of the S3 server; empty takes `AWS_ENDPOINT_URL`, else Amazon's.
        alias: string. What the registry calls the version here. Empty takes `"champion"` for `production`, and the
            name of another environment.
        deploys: bool. Whether a promotion also deploys by KServe, as `yachay deploy` does. Defaults to False.
        namespace: string. Where; empty takes `deploy.namespace`.
        context: string. Context of the kubeconfig; empty takes the current one.
    """

    store: str = ""
    mount: str = ""
    endpoint_url: str = ""
    alias: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_-]*)?$")] = ""
    deploys: bool = False
    namespace: str = ""
    context: str = ""

    @model_validator(mode="after")
    def _is_a_place(self) -> Self:
        if self.store:
            check_location(self.store, self.mount)
        elif self.mount or self.endpoint_url:
            raise ValueError("expected `mount` and `endpoint_url` with a `store` only")
        if self.alias == CHALLENGER:
            raise ValueError(f"expected another alias than {CHALLENGER!r}, which the newest push has")
        return self


class Retention(Settings):
    """Which pushes `yachay models retire --old` keeps, beside those in service.

    Args:
        keep: int. The newest so many.
        days: int. Those that are younger.
    """

    keep: Annotated[int, Field(ge=1)] = 10
    days: Annotated[int, Field(ge=0)] = 90


class RegistrySettings(Settings):
    """Where models are registered, promoted to, and how long they are kept.

    Args:
        kind: `"mlflow"` (the server of `tracking`, where there is one), `"kubeflow"` (Kubeflow's Model Registry) or
            `"none"`: the model store alone.
        uri: string. Address of the registry. Empty takes the tracking server's; the Model Registry needs one.
        environments: dict of name to `Environment`. Defaults to `production`, in the store to which runs push.
        retention: `Retention`.
    """

    kind: Literal["mlflow", "kubeflow", "none"] = "mlflow"
    uri: str = ""
    environments: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], Environment] = Field(
        default={PRODUCTION: Environment()}, min_length=1
    )
    retention: Retention = Retention()

    _is_public = field_validator("uri")(public_address)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "kubeflow" and not self.uri:
            raise ValueError("expected `uri`, the address of the Model Registry, with the kind kubeflow")
        aliases = [self.alias(name) for name in self.environments]
        if len({*aliases}) < len(aliases):
            raise ValueError("expected another alias for each environment")
        return self

    def alias(self, environment: str) -> str:
        """Returns what the registry calls the version in an environment."""
        return self.environments[environment].alias or (CHAMPION if environment == PRODUCTION else environment)


class TrackerConfig(Settings):
    """All that a run is tracked with beside its artifacts.

    Args:
        uri: string. Address of the MLflow server.
        experiment: string.
        pipeline: string. Name of the pipeline's configuration.
        task: string.
        home: string. Name under which runs share artifacts: `PipelineConfig.pipeline_name`.
        model_name: string. Name of the registered model.
        config_yaml: string. The resolved configuration.
        source: string. Of the records.
        git_commit: string. Empty where it is not known.
        image: string. The container image of the step; empty where it runs in none.
        spool: string. Folder that keeps what could not be sent; empty takes the output `tracking`.
        registry: `RegistrySettings`.
        store_mount: string. As `push.mount`.
        store_endpoint_url: string. As `push.endpoint_url`.
    """

    uri: str
    experiment: str
    pipeline: str
    task: str
    home: str
    model_name: str
    config_yaml: str = ""
    source: str = ""
    git_commit: str = ""
    image: str = ""
    spool: str = ""
    registry: RegistrySettings = RegistrySettings()
    store_mount: str = ""
    store_endpoint_url: str = ""
