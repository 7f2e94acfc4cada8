"""Why a request is rejected.

- `RequestError(DataError)`: the client can fix it; carries a `Rejection`, which gives the HTTP status, the gRPC code
  and the label of the metric.
"""

from collections.abc import Sequence
from enum import Enum

from ..errors import DataError


class Rejection(Enum):
    """Why a request is rejected: label of the metric, HTTP status, name of the gRPC code."""

    MALFORMED = ("malformed", 400, "INVALID_ARGUMENT")
    FIELDS = ("fields", 400, "INVALID_ARGUMENT")
    VALUES = ("values", 400, "INVALID_ARGUMENT")
    TOO_MANY_ROWS = ("too_many_rows", 400, "INVALID_ARGUMENT")
    TOO_MANY_VALUES = ("too_many_values", 400, "INVALID_ARGUMENT")
    PREDICTION_FAILED = ("prediction_failed", 400, "INVALID_ARGUMENT")
    UNAUTHORIZED = ("unauthorized", 401, "UNAUTHENTICATED")
    UNKNOWN_MODEL = ("unknown_model", 404, "NOT_FOUND")
    CLOSED = ("closed", 404, "UNIMPLEMENTED")
    METHOD = ("method", 405, "UNIMPLEMENTED")
    BODY_TOO_LARGE = ("body_too_large", 413, "RESOURCE_EXHAUSTED")
    ENCODING = ("encoding", 415, "INVALID_ARGUMENT")
    SLOW_BODY = ("slow_body", 408, "CANCELLED")
    NOT_READY = ("not_ready", 503, "UNAVAILABLE")
    OVERLOADED = ("overloaded", 503, "UNAVAILABLE")
    LATE = ("late", 504, "DEADLINE_EXCEEDED")

    def __init__(self, label: str, status: int, code: str) -> None:
        self.label = label
        self.status = status
        self.code = code


class RequestError(DataError):
    """A request is rejected.

    Args:
        rejection: `Rejection`.
        message: string. What was expected, what came, and the fix.
        failures: sequence of strings. One line for each thing that is wrong. Defaults to none.
    """

    def __init__(self, rejection: Rejection, message: str, failures: Sequence[str] = ()) -> None:
        super().__init__(message, failures)
        self.rejection = rejection
