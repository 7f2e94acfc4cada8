"""Who may ask: clients with a token, clients with a certificate, or both.

Health and readiness are open, for a probe carries neither, and so is the empty page at `/`.
"""

import hmac
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import ConfigurationError
from .errors import Rejection, RequestError
from .watched import Watched

TOKEN_VARIABLE = "YACHAY_SERVING_TOKEN"
_OPEN_PATHS = re.compile(r"/|/v2/health/(live|ready)|/v1/models/[^/:]+|/v2/models/[^/]+/ready")
_OPEN_METHODS = frozenset({"ServerLive", "ServerReady", "ModelReady", "Check"})
_SCHEME = "bearer "


class Access:
    """Who may ask.

    Args:
        tokens: function that returns the tokens, of which a client must send one as `authorization: Bearer <token>`;
            None where it needs none.
        needs_certificate: bool. Whether a client must show a certificate. Over gRPC the connection already needs one.
            Defaults to False.
    """

    def __init__(self, tokens: Callable[[], Sequence[str]] | None, needs_certificate: bool = False) -> None:
        self.needs_token = tokens is not None
        self._tokens = tokens
        self._needs_certificate = needs_certificate

    def check_path(self, path: str, authorization: str | None, is_certified: bool = False) -> None:
        """Checks a request over HTTP.

        Args:
            path: string.
            authorization: string. The header; None where there is none.
            is_certified: bool. Whether the client showed a certificate that was verified. Defaults to False.

        Raises:
            RequestError: if it needs a token or a certificate and comes without.
        """
        if _OPEN_PATHS.fullmatch(path):
            return
        if self._needs_certificate and not is_certified:
            raise RequestError(Rejection.UNAUTHORIZED, "Expected a client's certificate. Received: none.")
        self._check(authorization)

    def check_method(self, method: str, authorization: str | None) -> None:
        """Checks a call over gRPC, `/service/method`.

        Raises:
            RequestError: if it needs a token and does not carry it.
        """
        if method.rpartition("/")[2] not in _OPEN_METHODS:
            self._check(authorization)

    def _check(self, authorization: str | None) -> None:
        if self._tokens is None:
            return
        given = authorization or ""
        is_bearer = given[: len(_SCHEME)].lower() == _SCHEME
        sent = given[len(_SCHEME) :].encode()
        # Each is compared, so that the time shows nothing.
        matches = [hmac.compare_digest(sent, token.encode()) for token in self._tokens()]
        if not (is_bearer and any(matches)):
            raise RequestError(
                Rejection.UNAUTHORIZED, "Expected the header `authorization: Bearer <token>`. Received: no such token."
            )


def watch_tokens(path: Path | None) -> Callable[[], Sequence[str]] | None:
    """Returns a function of the tokens of a file, which may change, or of the environment; None where neither is given.

    Args:
        path: path of a file with a token a line, so that a new one can be added before the old one goes; None takes the
            environment's `YACHAY_SERVING_TOKEN`.

    Raises:
        ConfigurationError: if the file cannot be read, or a token is empty or not printable ASCII.
    """
    if path is not None:
        return Watched([path], lambda: _read_tokens(path)).current
    if TOKEN_VARIABLE not in os.environ:
        return None
    tokens = _checked([os.environ[TOKEN_VARIABLE]], TOKEN_VARIABLE)
    return lambda: tokens


def _read_tokens(path: Path) -> Sequence[str]:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Expected --token_file to hold a token. Received: {path}, {error}.") from None
    return _checked([line.strip() for line in text.splitlines() if line.strip()], path)


def _checked(tokens: Sequence[str], where: object) -> Sequence[str]:
    if not tokens or not all(token and token.isascii() and token.isprintable() for token in tokens):
        raise ConfigurationError(f"Expected a token of printable ASCII in {where}. Received: another, or nothing.")
    return tokens
