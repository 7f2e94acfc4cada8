"""What responses over HTTP have in common: compression, rejections and failures."""

import gzip
import re
from collections.abc import Mapping

import orjson

from .errors import Rejection, RequestError

Headers = list[tuple[bytes, bytes]]

MIN_GZIP_BYTES = 16 * 2**10
"""Bytes of a response from which on it is compressed where the client takes that; a row has a hundredth of them."""
GZIP_HEADERS: Headers = [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
CLOSE = (b"connection", b"close")
BINARY_LENGTH = b"inference-header-content-length"
"""The header of a response in V2 that has the length of its JSON, behind which there are bytes."""
RETRY_AFTER = (b"retry-after", b"1")
FAILED = {"error": "The server failed to predict. Its log holds the reason under the request's id."}

_GZIP_LEVEL = 1
_NO_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?(?![.\d])")
_REJECTION_HEADERS: Mapping[Rejection, Headers] = {
    Rejection.METHOD: [(b"allow", b"POST")],
    Rejection.ENCODING: [(b"accept-encoding", b"gzip")],
    Rejection.UNAUTHORIZED: [(b"www-authenticate", b"Bearer")],
    Rejection.NOT_READY: [RETRY_AFTER],
    Rejection.OVERLOADED: [RETRY_AFTER],
}


def full_headers(headers: Headers, body: bytes) -> Headers:
    """Returns headers of a response with the type and length of its body before them."""
    is_binary = any(name == BINARY_LENGTH for name, _ in headers)
    kind = b"application/octet-stream" if is_binary else b"application/json"
    return [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *headers]


def takes_gzip(accepted: str) -> bool:
    """Whether a client takes gzip, by its header `accept-encoding`."""
    return "gzip" in accepted and not _NO_GZIP.search(accepted)


def compress(content: bytes) -> bytes:
    """Returns a body in gzip."""
    return gzip.compress(content, _GZIP_LEVEL, mtime=0)


def rejected(error: RequestError) -> tuple[int, Headers, bytes]:
    """Returns status, headers and body of a rejection."""
    headers = _REJECTION_HEADERS.get(error.rejection, [])
    return error.rejection.status, headers, orjson.dumps({"error": str(error)})


def late(request_seconds: float) -> RequestError:
    """Returns the rejection of a request whose prediction took too long."""
    return RequestError(
        Rejection.LATE,
        f"Expected a response within {request_seconds:g} s. Received: none yet. Send fewer rows, or later.",
    )
