"""A connection to an MLflow server: its errors are the library's, and one that is down is not waited for."""

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

from ...errors import YachayError, without_passwords

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
_SECRETS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD")


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
        text = describe_error(error)
        raise TrackingError(
            f"Expected the server {uri} to take the request. Received: {text.rstrip('.')}. {_hint(text)}"
        ) from None  # The original may show a token.


def describe_error(error: Exception) -> str:
    """Returns an error for messages, logs and the spool: one line of bounded length, without passwords and tokens."""
    text = without_passwords(f"{type(error).__name__}: {error}")
    for name in _SECRETS:
        # MLflow's client shows a token that cannot be sent, such as one of a file with its line break.
        if secret := os.environ.get(name, "").strip():
            text = text.replace(secret, f"({name})")
    text = " ".join(text.split())
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}..."


def _hint(text: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "Set MLFLOW_TRACKING_SERVER_CERT_PATH to the file of the authority that signed its certificate."
    if re.search(r"\b40[13]\b|PERMISSION_DENIED|Unauthorized|Forbidden", text):
        return "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to those it knows."
    if "Max retries exceeded" in text or "timed out" in text:
        return "Check that it runs and can be reached from here."
    return "See its log."
