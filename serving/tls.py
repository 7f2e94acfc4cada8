"""TLS of both ports, with certificates that may be renewed and clients that may have to show their own."""

import dataclasses
import ssl
from pathlib import Path
from typing import Any

import grpc
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..errors import ConfigurationError
from .watched import Watched

_EXTENSION = "tls"  # https://asgi.readthedocs.io/en/latest/specs/tls.html
_CLIENT = "client_cert_name"


@dataclasses.dataclass(frozen=True)
class TlsFiles:
    """The files of TLS, in PEM.

    Args:
        certificate: path of the server's certificate and of those between it and its authority.
        key: path of its key.
        client_authorities: path of the authorities that sign clients' certificates; None asks for none.
    """

    certificate: Path
    key: Path
    client_authorities: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that are named."""
        paths = (self.certificate, self.key, self.client_authorities)
        return tuple(path for path in paths if path is not None)

    def context(self) -> ssl.SSLContext:
        """Returns a context of a server, TLS 1.2 or later. A client that shows a certificate must show a known one.

        Raises:
            ConfigurationError: if the files are unreadable or do not fit each other.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.client_authorities is not None:
                context.verify_mode = ssl.CERT_OPTIONAL
                context.load_verify_locations(self.client_authorities)
        except OSError as error:  # ssl.SSLError is one.
            raise ConfigurationError(
                f"Expected a certificate, its key and authorities in PEM that fit each other. Received: "
                f"{', '.join(map(str, self.paths))} ({error})."
            ) from None
        return context

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """Returns what gRPC makes of the same files.

        Raises:
            ConfigurationError: if the files are unreadable or do not fit each other.
        """
        # gRPC would only log what does not fit.
        self.context()
        authorities = self.client_authorities
        return grpc.ssl_server_certificate_configuration(
            [(self.key.read_bytes(), self.certificate.read_bytes())],
            root_certificates=None if authorities is None else authorities.read_bytes(),
        )


def rest_context(files: TlsFiles) -> ssl.SSLContext:
    """Returns a context whose connections have the certificates that the files hold when they are opened.

    Raises:
        ConfigurationError: if the files are unreadable or do not fit each other.
    """
    watched = Watched(files.paths, files.context)
    context = files.context()

    def renew(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = watched.current()

    # Called at each handshake, whether the client names a host or not.
    context.sni_callback = renew
    return context


def grpc_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Returns credentials whose connections have the certificates that the files hold when they are opened.

    Raises:
        ConfigurationError: if the files are unreadable or do not fit each other.
    """
    watched = Watched(files.paths, files.configuration)
    used = watched.current()

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal used
        if watched.current() is used:
            return None
        used = watched.current()
        return used

    return grpc.dynamic_ssl_server_credentials(
        used, renewed, require_client_authentication=files.client_authorities is not None
    )


class TlsProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with the subject of the client's certificate in the scope, where ASGI's extension has it."""

    def on_message_begin(self) -> None:
        """Starts a request's scope."""
        super().on_message_begin()
        subject = _subject(self.transport.get_extra_info("peercert"))
        self.scope["extensions"] = {_EXTENSION: {_CLIENT: subject}}


def is_certified(scope: Any) -> bool:
    """Whether the client of a scope showed a certificate, which has then been verified."""
    return bool(scope.get("extensions", {}).get(_EXTENSION, {}).get(_CLIENT))


def _subject(certificate: Any) -> str | None:
    if not certificate:
        return None
    return ",".join("=".join(part) for names in certificate.get("subject", ()) for part in names) or "unnamed"
