"""Where a run keeps things.

`<workdir>/<pipeline>/` is the home of all runs that share artifacts and a baseline:

- `metadata.sqlite`: what ran on what (ML Metadata);
- `artifacts/<node>/<output>/<execution>/`: what each node made;
- `models/push-<version>/`: the model store;
- `runs/<run_id>/`: `summary.json`, `log.txt` and `config.yaml` of one run.
"""

import contextlib
import dataclasses
import datetime
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from ...errors import UsageError
from ..config.pipeline_config import PipelineConfig


@dataclasses.dataclass(frozen=True)
class PipelineHome:
    """The home of a pipeline's runs.

    Args:
        path: path of `<workdir>/<pipeline>`.
    """

    path: Path

    @property
    def metadata_path(self) -> Path:
        """Path of the ML Metadata database."""
        return self.path / "metadata.sqlite"

    @property
    def artifacts_path(self) -> Path:
        """Path of the pipeline root."""
        return self.path / "artifacts"

    @property
    def models_path(self) -> Path:
        """Path of the model store."""
        return self.path / "models"

    def make(self) -> None:
        """Makes the folder.

        Raises:
            UsageError: if it cannot be made or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(
                f"Expected --workdir to be a folder. Received: {self.path.parent}, which is a file."
            ) from None
        except PermissionError:
            writable = False
        except OSError as error:
            raise UsageError(
                f"Expected to make the folder {self.path}. Received: {error.strerror}. Choose another --workdir."
            ) from None
        if not writable:
            raise UsageError(
                f"Expected to be allowed to write to {self.path}. Received: permission denied. "
                "Choose another --workdir."
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the home against other runs; a killed run holds nothing.

        Raises:
            UsageError: if another run holds it.
        """
        try:
            with FileLock(self.path / ".lock", timeout=0):
                yield
        except Timeout:
            raise UsageError(
                f"Expected no other run in {self.path}. Received: one that is going on. "
                "Wait for it, or choose another --workdir."
            ) from None

    def new_run(self) -> "RunFolder":
        """Makes the folder of a new run."""
        now = datetime.datetime.now(datetime.UTC)
        run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        path = self.path / "runs" / run_id
        path.mkdir(parents=True)
        return RunFolder(run_id, path)


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Args:
        run_id: string. Time of the start in UTC and a random part.
        path: path of the folder.
    """

    run_id: str
    path: Path

    def write_config(self, config: PipelineConfig) -> None:
        """Writes the configuration of the run, with what was changed for it."""
        text = yaml.safe_dump(config.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)
        (self.path / "config.yaml").write_text(text, encoding="utf-8")

    @property
    def log_path(self) -> Path:
        """Path of the log."""
        return self.path / "log.txt"

    @property
    def summary_path(self) -> Path:
        """Path of the summary."""
        return self.path / "summary.json"
