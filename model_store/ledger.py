"""What was promoted and retired in a model store, by whom, when and why: one small file an event, never changed.

Two writers at once both are heard, in any kind of store; the state is what the events come to, in the order of their
names, which begin with the time.
"""

import dataclasses
import datetime
import getpass
import json
import uuid
from typing import Literal, Self

from ..errors import StoreError
from .layout import EVENTS_FOLDER
from .store import ModelStore, Push

PROMOTED: Literal["promoted"] = "promoted"
RETIRED: Literal["retired"] = "retired"


@dataclasses.dataclass(frozen=True)
class Event:
    """An event of a store.

    Args:
        kind: `"promoted"` or `"retired"`.
        version: int. The push.
        content_hash: string. Its content hash.
        environment: string. Where it is in service from now on; empty for a retirement.
        who: string.
        when: string. UTC, ISO 8601.
        why: string.
        source: string. URI of the push that was copied; empty where it was there.
    """

    kind: Literal["promoted", "retired"]
    version: int
    content_hash: str
    environment: str = ""
    who: str = ""
    when: str = ""
    why: str = ""
    source: str = ""

    @classmethod
    def from_json(cls, text: bytes, uri: str) -> Self:
        """Returns the event of a file; fields of a later version are ignored.

        Raises:
            StoreError: if it is none.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        try:
            return cls(**{name: value for name, value in json.loads(text).items() if name in known})
        except (ValueError, TypeError, AttributeError) as error:
            raise StoreError(f"Expected {uri} to hold an event of the store. Received: {error}. Remove it.") from None


def record_event(
    store: ModelStore, kind: Literal["promoted", "retired"], push: Push, *, environment: str = "", who: str = "",
    why: str = "", source: str = "",
) -> Event:  # fmt: skip
    """Adds an event to a store and returns it.

    Args:
        store: `ModelStore`.
        kind: `"promoted"` or `"retired"`.
        push: `Push`.
        environment: string. See `Event`.
        who: string. Defaults to the user of this process.
        why: string.
        source: string. See `Event`.

    Raises:
        StoreError: if the store cannot be written.
    """
    now = datetime.datetime.now(datetime.UTC)
    event = Event(
        kind, push.version, push.content_hash, environment, who or user_name(), now.isoformat(timespec="seconds"), why,
        source,
    )  # fmt: skip
    name = f"{now:%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}.json"
    store.add_event(name, (json.dumps(dataclasses.asdict(event), indent=2) + "\n").encode())
    return event


def list_events(store: ModelStore) -> list[Event]:
    """Returns the events of a store, the oldest first.

    Raises:
        StoreError: if the store, or an event of it, cannot be read.
    """
    return [
        Event.from_json(content, f"{store.uri}/{EVENTS_FOLDER}/{name}")
        for name, content in sorted(store.events().items())
    ]


def in_service(events: list[Event]) -> dict[str, int]:
    """Returns the version that is in service in each environment of a store."""
    found: dict[str, int] = {}
    for event in events:
        if event.kind == PROMOTED:
            found[event.environment] = event.version
        else:
            found = {name: version for name, version in found.items() if version != event.version}
    return found


def user_name() -> str:
    """Returns the name of the user of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user may have none.
        return "unknown"
