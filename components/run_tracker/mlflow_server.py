"""A connection to an MLflow server: its errors are the library's, and one that is down is not waited for."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ...errors import YachayError

_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Defaults for what the environment does not say: MLflow's own wait for minutes, report to its makers, and print to
standard output."""

_MAX_CHARACTERS = 500


class TrackingError(YachayError):
    """A tracking server or a registry rejects a request or does not respond."""


def set_defaults() -> None:
    """Sets what the environment does not say about MLflow's client; to be called before it is imported."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


def connect(uri: str) -> Any:
    """Returns MLflow's client of a server.

    Args:
        uri: string. Its address.

    Raises:
        TrackingError: if MLflow's client is not installed.
    """
    set_defaults()
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise TrackingError(
            f"Expected MLflow's client to reach {uri}. Received: {error}. Install yachay[tracking]."
        ) from None
    with asked(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextlib.contextmanager
def asked(uri: str) -> Iterator[None]:
    """Raises `TrackingError` in place of what MLflow's client and the network raise.

    Raises:
        TrackingError: with what the server said, and what to do.
    """
    try:
        yield
    except YachayError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        text = text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}..."
        raise TrackingError(
            f"Expected the server {uri} to take the request. Received: {type(error).__name__}: {text.rstrip('.')}. "
            f"{_hint(text)}"
        ) from error


def _hint(text: str) -> str:
    if any(sign in text for sign in ("401", "403", "PERMISSION_DENIED", "Unauthorized", "Forbidden")):
        return "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to those it knows."
    if "Max retries exceeded" in text or "timed out" in text:
        return "Check that it runs and can be reached from here."
    return "See its log."
