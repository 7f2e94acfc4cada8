"""The optional token. Health and readiness are open, for a probe carries none, and so is the empty page at `/`."""

import hmac
import os
import re
from pathlib import Path

from ..errors import ConfigurationError
from .errors import Rejection, RequestError

TOKEN_VARIABLE = "YACHAY_SERVING_TOKEN"
_OPEN_PATHS = re.compile(r"/|/v2/health/(live|ready)|/v1/models/[^/:]+|/v2/models/[^/]+/ready")
_OPEN_METHODS = frozenset({"ServerLive", "ServerReady", "ModelReady"})
_SCHEME = "bearer "


class Access:
    """Who may ask.

    Args:
        token: string. What a client must send as `authorization: Bearer <token>`; None where anybody may ask.
    """

    def __init__(self, token: str | None) -> None:
        self.is_open = token is None
        self._token = (token or "").encode()

    def check_path(self, path: str, authorization: str | None) -> None:
        """Checks a request over HTTP.

        Raises:
            RequestError: if it needs the token and does not carry it.
        """
        if not self.is_open and not _OPEN_PATHS.fullmatch(path):
            self._check(authorization)

    def check_method(self, method: str, authorization: str | None) -> None:
        """Checks a call over gRPC, `/service/method`.

        Raises:
            RequestError: if it needs the token and does not carry it.
        """
        if not self.is_open and method.rpartition("/")[2] not in _OPEN_METHODS:
            self._check(authorization)

    def _check(self, authorization: str | None) -> None:
        given = authorization or ""
        is_bearer = given[: len(_SCHEME)].lower() == _SCHEME
        if not (is_bearer and hmac.compare_digest(given[len(_SCHEME) :].encode(), self._token)):
            raise RequestError(
                Rejection.UNAUTHORIZED, "Expected the header `authorization: Bearer <token>`. Received: no such token."
            )


def read_token(path: Path | None) -> str | None:
    """Returns the token of a file or of the environment; None where neither is given.

    Args:
        path: path of a file that holds the token; None takes the environment's `YACHAY_SERVING_TOKEN`.

    Raises:
        ConfigurationError: if the file cannot be read, or the token is empty or not printable ASCII.
    """
    if path is None and TOKEN_VARIABLE not in os.environ:
        return None
    try:
        token = os.environ[TOKEN_VARIABLE] if path is None else path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Expected --token_file to hold a token. Received: {path}, {error}.") from None
    if not token or not token.isascii() or not token.isprintable():
        where = TOKEN_VARIABLE if path is None else path
        raise ConfigurationError(f"Expected a token of printable ASCII in {where}. Received: another, or nothing.")
    return token
