"""The runs that retraining has started, and its decisions: durable, in a folder or a bucket, for many callers at once.

- `_runs/<number>/<token>.json`: a training (`TrainingRun`). Who starts it claims its number with an object of its own
  name, and has it where no other is listed beside that; of two that see each other both let go and look again. No
  object store renames, and not each writes on a condition: this needs neither. A claim is never removed, so a number,
  and with it the window that was decided on, is started once.
- `_decisions/<time>-<token>.json`: a decision, one line.

A listing must show what was written before, as those of disks, S3, GCS and MinIO do.
"""

import contextlib
import posixpath
import random
import time
import uuid
from collections.abc import Iterator

from ...errors import StoreError
from .decision import Decision, TrainingRun
from .objects import open_objects

_RUNS, _DECISIONS = "_runs", "_decisions"  # The ingest takes nothing below such names for records.
_NUM_TRIES = 5
_MAX_PAUSE_SECONDS = 0.5


class RetrainState:
    """The state of a pipeline's retraining.

    Args:
        uri: string. A folder, or `gs://`, `s3://`, `minio://` with a bucket and a folder; made by the first claim.
            `YACHAY_OBJECT_STORE` is a folder that stands for all buckets.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self._objects = open_objects(self.uri)

    def runs(self) -> list[TrainingRun]:
        """Returns all runs, the oldest first.

        Raises:
            StoreError: if the state cannot be read, or holds what is no run.
        """
        with self._asked("read"):
            return [self._read(name) for name in self._claims()]

    def claim(self, run: TrainingRun) -> str | None:
        """Claims the number of a run and returns the claim's name, or None where another caller has the number.

        Raises:
            StoreError: if the state cannot be written.
        """
        folder = f"{_RUNS}/{run.number:06d}"
        name = f"{folder}/{uuid.uuid4().hex}.json"
        with self._asked("write"):
            for attempt in range(_NUM_TRIES):
                if self._objects.list(folder):
                    return None
                self._objects.write(name, run.to_json().encode())
                if self._objects.list(folder) == [name]:
                    return name
                self._objects.remove(name)
                time.sleep(random.uniform(0, min(_MAX_PAUSE_SECONDS, 0.02 * 2**attempt)))
        return None

    def note(self, run: TrainingRun) -> None:
        """Writes what a run came to, into its claim.

        Raises:
            StoreError: if there is no such claim, or it cannot be written.
        """
        with self._asked("write"):
            for _ in range(_NUM_TRIES):
                names = self._objects.list(f"{_RUNS}/{run.number:06d}")
                if len(names) == 1:
                    self._objects.write(names[0], run.to_json().encode())
                    return
                time.sleep(_MAX_PAUSE_SECONDS)  # Another caller is about to let go.
        raise StoreError(
            f"Expected one claim of run {run.number} in {self.uri}/{_RUNS}. Received: {len(names)}. Remove the others."
        )

    def keep(self, decision: Decision) -> None:
        """Keeps a decision.

        Raises:
            StoreError: if it cannot be written.
        """
        name = f"{decision.time:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.json"
        with self._asked("write"):
            self._objects.write(f"{_DECISIONS}/{name}", f"{decision.to_json()}\n".encode())

    def decisions(self) -> list[str]:
        """Returns the decisions as lines of JSON, the oldest first.

        Raises:
            StoreError: if they cannot be read.
        """
        with self._asked("read"):
            return [self._objects.read(name).decode().rstrip("\n") for name in self._objects.list(_DECISIONS)]

    def _claims(self) -> list[str]:
        """Returns the claims that stand alone: of two beside each other both are about to let go."""
        by_number: dict[str, list[str]] = {}
        for name in self._objects.list(_RUNS):
            by_number.setdefault(posixpath.dirname(name), []).append(name)
        return [names[0] for _, names in sorted(by_number.items()) if len(names) == 1]

    def _read(self, name: str) -> TrainingRun:
        try:
            return TrainingRun.from_json(self._objects.read(name))
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"Expected {self.uri}/{name} to be a run of retraining. Received: {error!r}. Remove it, once it is "
                "known that its training is not at work."
            ) from None

    @contextlib.contextmanager
    def _asked(self, verb: str) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                f"Expected to {verb} the state of retraining, {self.uri}. Received: {type(error).__name__}: {error}. "
                "Check retrain.labelled, the rights, the credentials in the environment, and AWS_ENDPOINT_URL."
            ) from error
