"""The golden requests of a push, asked of the servers that have its model."""

import time
from collections.abc import Sequence

import httpx

from ..errors import ModelError, YachayError
from ..model_store.golden import GoldenRequest
from .backend import TIMEOUT_SECONDS, Target
from .errors import CandidateError
from .golden_check import GPU_TOLERANCE, TOLERANCE, check_predictions

REACH_SECONDS = 20.0
"""How long pods that are ready may take until they respond through their Kubernetes Service."""


class GoldenError(CandidateError):
    """A candidate predicts otherwise than it did when it was trained."""


class UnreachableError(YachayError):
    """The servers cannot be asked from here."""


def ask_golden(
    target: Target,
    model_name: str,
    golden: Sequence[GoldenRequest],
    *,
    has_gpu: bool = False,
    poll_seconds: float = 1.0,
) -> None:
    """Asks the servers of a version all golden requests, each by itself and then all at once.

    Args:
        target: `Target`.
        model_name: string.
        golden: sequence of `GoldenRequest` of the push.
        has_gpu: bool. Whether they compute on a GPU, which differs by more. Defaults to False.
        poll_seconds: float. Pause before servers that do not respond yet are asked again. Defaults to 1.

    Raises:
        GoldenError: if they predict otherwise, or fail.
        UnreachableError: if they cannot be asked from here.
    """
    _reach(target, model_name, golden[0], poll_seconds)
    try:
        check_predictions(
            target.url,
            model_name,
            golden,
            tolerance=GPU_TOLERANCE if has_gpu else TOLERANCE,
            timeout_seconds=TIMEOUT_SECONDS,
            headers=target.headers,
            transport=target.transport(),
        )
    except ModelError as error:
        raise GoldenError(str(error)) from None


def _reach(target: Target, model_name: str, golden: GoldenRequest, poll_seconds: float) -> None:
    deadline = time.monotonic() + REACH_SECONDS
    while True:
        try:
            status = target.predict_status(model_name, golden.row)
        except httpx.ProxyError as error:
            raise UnreachableError(str(error)) from None
        except httpx.TransportError as error:
            if time.monotonic() > deadline:
                raise UnreachableError(f"{type(error).__name__}: {error}") from None
        else:
            if status in (401, 403):
                raise UnreachableError(
                    f"the server responds with status {status}: it asks for a token or a certificate"
                )
            if status < 500 or time.monotonic() > deadline:
                return
        time.sleep(poll_seconds)
