"""What is recorded on an InferenceService about its rollouts: the annotation `yachay.dev/rollout`."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from ..errors import UsageError
from ..manifests.keys import ROLLOUT
from ..manifests.service import Autoscaling, Logger, Model, Service
from .cluster import Document

End = Literal["promoted", "rolled_back", "failed", "held"]
State = Literal["progressing", "rolling_back", End]
UNDER_WAY: tuple[State, ...] = ("progressing", "rolling_back", "held")
"""States in which a candidate may have requests."""

FORMAT = 2
NUM_KEPT = 5
_PARTS = {"model": Model, "previous": Model, "autoscaling": Autoscaling}


@dataclasses.dataclass(frozen=True)
class Rollout:
    """The record of a rollout.

    Args:
        state: `State`.
        version: int. Model version of the candidate.
        percent: int. Share of the requests that the candidate has, or had last.
        good: `Service` or None. What was last promoted, with all its settings; None before a first model is.
        reason: string. Why it was rolled back, failed or was held.
        owner: string. Identity of the call that wrote it; another's call may not go on.
        earlier: tuple of `Service`. What was promoted before `good`, the latest first.
        format: int. Of the record; one of a newer format is read as far as its fields are known.
    """

    state: State
    version: int
    percent: int
    good: Service | None = None
    reason: str = ""
    owner: str = ""
    earlier: tuple[Service, ...] = ()
    format: int = FORMAT

    def promoted(self, service: Service) -> Self:
        """Returns the record of a service that has all requests now, with the `NUM_KEPT` that had them before."""
        earlier = [one for one in (self.good, *self.earlier) if one is not None and one.model != service.model]
        return dataclasses.replace(
            self, state="promoted", version=service.model.version, percent=100, good=service, reason="",
            earlier=tuple(earlier[:NUM_KEPT]),
        )  # fmt: skip

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
            fields = _known(cls, json.loads(text))
            fields["good"] = fields.get("good") and service_from_json(fields["good"])
            fields["earlier"] = tuple(service_from_json(one) for one in fields.get("earlier", ()))
            rollout = cls(**fields)
            if rollout.state not in get_args(State):
                raise ValueError
        except (TypeError, KeyError, ValueError, AttributeError):
            name = live["metadata"]["name"]
            received, fix = (
                "something else",
                f"Remove it (kubectl annotate inferenceservice {name} {ROLLOUT}-), then deploy anew",
            )
            if _is_newer(text):  # Its rollout may be under way, and it has the history.
                received, fix = "what a newer yachay wrote", "Take that version of yachay"
            raise UsageError(
                f"Expected the annotation {ROLLOUT} of {name} as yachay deploy writes it. Received: {received}. {fix}."
            ) from None
        return rollout


def service_from_json(fields: Mapping[str, Any]) -> Service:
    """Returns the service of `dataclasses.asdict`, also after JSON; fields of a newer version are left out."""
    parts: dict[str, Any] = {
        name: kind(**_known(kind, fields[name])) for name, kind in _PARTS.items() if fields.get(name) is not None
    }
    if fields.get("logger") is not None:
        logger = _known(Logger, fields["logger"])
        parts["logger"] = Logger(**logger | {"headers": tuple(logger["headers"])})
    parts |= {name: tuple(fields[name]) for name in ("components", "args") if name in fields}
    return Service(**_known(Service, fields) | parts)


def _is_newer(text: str) -> bool:
    try:
        return bool(json.loads(text)["format"] > FORMAT)
    except (TypeError, KeyError, ValueError):
        return False


def _known(kind: type, fields: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in fields.items() if name in names}
