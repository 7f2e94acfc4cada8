"""Settings of `Pusher`: the section `push` of a configuration."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ...model_store.location import check_location
from ..settings import Settings

REJECTION = "rejection"
"""The property of `pushed_model` that holds why a blessed model was not pushed."""


class PushSettings(Settings):
    """Where blessed models are pushed. Each pipeline, task and kind of data has a store of its own below `store`.

    Args:
        store: string. A folder, or `gs://`, `s3://`, `minio://` or `pvc://claim/folder`. Empty: beside the runs.
        mount: string. Folder at which the claim of a `pvc://` is mounted, where the push runs.
        endpoint_url: string. Address of the S3 server; empty takes `AWS_ENDPOINT_URL`, else Amazon's.
        ready_seconds: int. How long the server of the golden-request test may take until it is ready.
    """

    store: str = ""
    mount: str = ""
    endpoint_url: str = ""
    ready_seconds: Annotated[int, Field(ge=1)] = 120

    @model_validator(mode="after")
    def _is_a_place(self) -> Self:
        if self.store:
            check_location(self.store, self.mount)
        elif self.mount or self.endpoint_url:
            raise ValueError("expected `mount` and `endpoint_url` with a `store` only")
        return self

    def store_of(self, pipeline_name: str) -> str:
        """Returns the store of a pipeline, or nothing where models stay with the runs."""
        return f"{self.store.rstrip('/')}/{pipeline_name}" if self.store else ""
