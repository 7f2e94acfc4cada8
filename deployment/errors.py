"""Errors of a rollout."""

from ..errors import YachayError


class ClusterError(YachayError):
    """The Kubernetes API rejects a request or does not respond.

    Args:
        message: string. What was expected, what was received, and the fix.
        status: int or None. The HTTP status; None where there was no response.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class MonitoringError(YachayError):
    """Prometheus rejects a query or does not respond."""
