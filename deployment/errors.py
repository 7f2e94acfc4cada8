"""Errors of a rollout."""

from ..errors import YachayError


class ClusterError(YachayError):
    """The Kubernetes API rejects a request or does not respond.

    Args:
        message: string. What was expected, what was received, and the fix.
        status: int or None. The HTTP status; None where there was no response.
        is_stale: bool. Whether the object has changed since it was read, so that reading it again may help.
    """

    def __init__(self, message: str, status: int | None = None, *, is_stale: bool = False) -> None:
        self.status = status
        self.is_stale = is_stale
        super().__init__(message)

    @property
    def is_rejection(self) -> bool:
        """Whether the API has read the request and does not take it: nothing has changed."""
        return self.status is not None and 400 <= self.status < 500 and self.status != 429 and not self.is_stale


class CandidateError(YachayError):
    """A candidate is not to be promoted; inside a rollout only."""


class UndecidedError(YachayError):
    """It is not known whether a candidate is as good; inside a rollout only."""


class MonitoringError(YachayError):
    """Prometheus rejects a query or does not respond."""
