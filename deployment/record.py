"""What is recorded on an InferenceService about its rollouts: the annotation `yachay.dev/rollout`."""

import dataclasses
import json
from typing import Any, Literal, Self, get_args

from ..errors import UsageError
from ..manifests.keys import ROLLOUT
from ..manifests.service import Autoscaling, Logger, Model, Service
from .cluster import Document

End = Literal["promoted", "rolled_back", "failed"]
State = Literal["progressing", End]

HOLDER_SECONDS = 90
_PARTS = {"model": Model, "previous": Model, "autoscaling": Autoscaling}


@dataclasses.dataclass(frozen=True)
class Rollout:
    """The record of a rollout.

    Args:
        state: `State`.
        version: int. Model version of the candidate.
        percent: int. Share of the requests that the candidate has, or had last.
        good: `Service` or None. What was last promoted, with all its settings; None before a first model is.
        reason: string. Why it was rolled back or failed.
        updated: float. Seconds since 1970 when the call that moves it on last said so.
    """

    state: State
    version: int
    percent: int
    good: Service | None = None
    reason: str = ""
    updated: float = 0.0

    def is_moved_on(self, now: float) -> bool:
        """Returns whether another call is at work on it."""
        return self.state == "progressing" and now - self.updated < HOLDER_SECONDS

    def to_annotations(self) -> dict[str, str]:
        """Returns the annotation that holds the record."""
        return {ROLLOUT: json.dumps(dataclasses.asdict(self))}

    @classmethod
    def of(cls, live: Document) -> Self | None:
        """Returns the record of an InferenceService, or None where it has none.

        Raises:
            UsageError: if it has one that cannot be read.
        """
        text = live["metadata"].get("annotations", {}).get(ROLLOUT)
        if text is None:
            return None
        try:
            fields = json.loads(text)
            rollout = cls(**fields | {"good": fields["good"] and service_from_json(fields["good"])})
            if rollout.state not in get_args(State):
                raise ValueError
        except (TypeError, KeyError, ValueError):
            name = live["metadata"]["name"]
            raise UsageError(
                f"Expected the annotation {ROLLOUT} of {name} as yachay deploy writes it. Received: something else. "
                f"Remove it (kubectl annotate inferenceservice {name} {ROLLOUT}-), then deploy anew."
            ) from None
        return rollout


def service_from_json(fields: dict[str, Any]) -> Service:
    """Returns the service of `dataclasses.asdict`, also after JSON."""
    parts: dict[str, Any] = {name: kind(**fields[name]) for name, kind in _PARTS.items() if fields[name] is not None}
    if fields["logger"] is not None:
        parts["logger"] = Logger(**fields["logger"] | {"headers": tuple(fields["logger"]["headers"])})
    return Service(**fields | parts)
