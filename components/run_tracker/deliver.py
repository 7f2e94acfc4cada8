"""Sends what is known of a run, and keeps what cannot be sent."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

from ...errors import StoreError, YachayError
from ...model_store.ledger import RETIRED, list_events
from ...model_store.location import open_store
from ...model_store.store import read_push
from . import spool
from .mlflow_runs import send_run
from .mlflow_server import describe_error
from .record import RunRecord
from .registries import open_registry
from .registry import register


@dataclasses.dataclass(frozen=True)
class Delivery:
    """What tracking a run came to.

    Args:
        state: `"tracked"`, `"kept"` (in the spool, for it could not be sent), `"lost"` (it could not be kept either) or
            `"left"` (to `RunTracker`, by the exit handler of a run that ended well).
        url: string. The run's page on the server.
        model: string. The registered version, `models:/<name>/<number>`; empty where there is none.
        reason: string. Why it was not sent, or its model not registered.
        is_new: bool. Whether it was not there already.
    """

    state: Literal["tracked", "kept", "lost", "left"]
    url: str = ""
    model: str = ""
    reason: str = ""
    is_new: bool = True

    def to_summary(self) -> dict[str, str]:
        """Returns what the summary of a run shows."""
        return {"state": self.state, "url": self.url, "model": self.model, "reason": self.reason}


def deliver(record: RunRecord, folder: Path) -> Delivery:
    """Sends a run; where that fails keeps it in the spool, and never raises: a tracker must not fail a run.

    Args:
        record: `RunRecord`.
        folder: path of the spool.
    """
    try:
        return send(record)
    except Exception as error:
        reason = str(error) if isinstance(error, YachayError) else describe_error(error)
    return keep(record, folder, reason)


def keep(record: RunRecord, folder: Path, reason: str) -> Delivery:
    """Keeps a run in the spool.

    Args:
        record: `RunRecord`.
        folder: path of the spool.
        reason: string. Why it was not sent.
    """
    try:
        spool.keep(record, folder)
    except OSError as error:
        return Delivery("lost", reason=f"{reason} Nor could it be kept in {folder}: {error}.")
    return Delivery("kept", reason=reason)


def send(record: RunRecord) -> Delivery:
    """Sends a run, and registers the model that it pushed.

    Args:
        record: `RunRecord`.

    Raises:
        TrackingError: if the server rejects a request or does not respond.
        RegistryError: if the registry holds another model as that push.
        StoreError: if the push cannot be read.
        IntegrityError: if the files of the push are not those that were pushed.
    """
    sent = send_run(record)
    model, reason = _register(record)
    return Delivery("tracked", sent.url, model, reason, is_new=sent.is_new)


def note_delivery(tracking: Any, delivery: Delivery) -> None:
    """Notes what tracking a run came to on the artifact `tracking`."""
    for name, value in delivery.to_summary().items():
        tracking.set_string_custom_property(name, value)


def _register(record: RunRecord) -> tuple[str, str]:
    """Returns the registered version, and why there is none where the push was retired meanwhile."""
    if record.push is None:
        return "", ""
    registry = open_registry(record.registry, record.uri)
    if registry is None:
        return "", ""
    store = open_store(record.push.store, record.push.mount, record.push.endpoint_url)
    push = read_push(store, record.push.version)
    if push is None:
        events = [one for one in list_events(store) if one.version == record.push.version]
        if events and events[-1].kind == RETIRED:
            return "", f"Its push {record.push.version} was retired on {events[-1].when}: {events[-1].why}"
        raise StoreError(
            f"Expected push {record.push.version} in {store.uri}, to register it. Received: none, and no word that it "
            "was retired. Check that the store can be reached; if it was removed by hand, remove the spool too."
        )
    version = register(registry, record.push.name, store, push, record.key)
    return f"models:/{record.push.name}/{version.number}", ""
