"""What is known of a run, as the tracker sends it and the spool keeps it."""

from pathlib import Path
from typing import Literal, Self

import pydantic
from pydantic import BaseModel, ConfigDict

from ...errors import DataError
from .settings import RegistrySettings

RECORD_FORMAT = 1
RECORD_FILE = "record.json"


class Part(BaseModel):
    """A part of a record: frozen, without unknown fields, without NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Dataset(Part):
    """The records of a run.

    Args:
        name: string.
        fingerprint: string. Hash of their content.
        source: string. Where they come from.
        rows: dict of `read`, `kept`, `quarantined` to counts.
    """

    name: str
    fingerprint: str
    source: str = ""
    rows: dict[str, int] = {}


class NestedRun(Part):
    """A trial of a search, or a model family trained beside the candidate."""

    name: str
    status: Literal["FINISHED", "FAILED", "KILLED"] = "FINISHED"
    parameters: dict[str, str] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}


class PushedModel(Part):
    """A push that is to be registered.

    Args:
        name: string. Name of the registered model.
        store: string. URI of the model store.
        mount: string. Folder at which the claim of a `pvc://` is mounted.
        endpoint_url: string. Address of its S3 server; empty takes `AWS_ENDPOINT_URL`, else Amazon's.
        version: int. Version of the push.
    """

    name: str
    store: str
    mount: str = ""
    endpoint_url: str = ""
    version: int


class RunRecord(Part):
    """A run.

    Args:
        key: string. `<home>/<run id>`; no two runs have the same.
        experiment: string.
        name: string. What people call the run.
        status: `"FINISHED"`, `"FAILED"` or `"KILLED"`.
        start_ms: int. Milliseconds since 1970-01-01 UTC.
        end_ms: int.
        parameters: dict of strings.
        metrics: dict of floats.
        tags: dict of strings.
        note: string. What a person should read first.
        dataset: `Dataset` or None.
        nested: tuple of `NestedRun`.
        files: dict of the artifact's path on the server to a local path; in a spool relative to it.
        push: `PushedModel` or None.
        uri: string. Address of the MLflow server.
        registry: `RegistrySettings`.
    """

    format: int = RECORD_FORMAT
    key: str
    experiment: str
    name: str
    status: Literal["FINISHED", "FAILED", "KILLED"] = "FINISHED"
    start_ms: int
    end_ms: int
    parameters: dict[str, str] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}
    note: str = ""
    dataset: Dataset | None = None
    nested: tuple[NestedRun, ...] = ()
    files: dict[str, str] = {}
    push: PushedModel | None = None
    uri: str
    registry: RegistrySettings = RegistrySettings()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the record of a spool.

        Raises:
            DataError: if there is none, or it cannot be read.
        """
        path = folder / RECORD_FILE
        try:
            record = cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DataError(f"Expected the record of a run at {path}. Received: {error.strerror}.") from None
        except pydantic.ValidationError as error:
            [first, *_] = error.errors(include_url=False)
            where = ".".join(str(part) for part in first["loc"])
            raise DataError(
                f"Expected {path} to hold the record of a run. Received: {first['msg']} ({where})."
            ) from None
        if outside := [name for name in record.files.values() if Path(name).is_absolute() or ".." in Path(name).parts]:
            raise DataError(f"Expected the files of {path} to lie beside it. Received: {outside[0]}.")
        return record.model_copy(update={"files": {name: str(folder / one) for name, one in record.files.items()}})
