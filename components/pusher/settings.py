"""Settings of `Pusher`: the section `push` of a configuration."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

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
        golden: string. Which records lie in the store with what the model predicts for them: `"synthetic"` ones, drawn
            from the statistics of the training data, `"real"` ones of the eval split, which whoever reads the store
            reads, or `"none"`. The test before a push asks real ones in any case.
        signing_key: string. Path of the file of a private key, where the push runs, that signs the push; empty for no
            signature.
    """

    store: str = ""
    mount: str = ""
    endpoint_url: str = ""
    ready_seconds: Annotated[int, Field(ge=1)] = 120
    golden: Literal["synthetic", "real", "none"] = "synthetic"
    signing_key: str = ""

    @field_validator("signing_key")
    @classmethod
    def _names_a_file(cls, path: str) -> str:
        if "-----BEGIN" in path or "\n" in path:
            # Not the value: it would stand in logs.
            raise ValueError("expected the path of a file that holds the key, for a configuration is read by many")
        return path

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
