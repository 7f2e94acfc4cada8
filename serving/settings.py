"""The server's flags: KServe's own, and ours beside them."""

import argparse
import dataclasses
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

# The import reads sys.argv: the SDK keeps its flags in a module.
from kserve.model_server import parser as kserve_parser

from ..errors import ConfigurationError, UsageError
from . import trust
from .access import TOKEN_VARIABLE, watch_tokens
from .flags import boolean
from .limits import Limits
from .prediction_log import add_arguments
from .store import ModelSource, open_source
from .tls import TlsFiles
from .trust import Trust


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a server runs.

    Args:
        model_name: string. The name that clients ask for.
        model_dir: path of a SavedModel, of a push, or of a store of pushes, which is followed; or URI of a store in a
            bucket.
        host: string. The address to listen on.
        http_port: int.
        grpc_port: int; None for no gRPC.
        limits: `Limits`. Defaults to their defaults.
        poll_seconds: float. How often a store is looked at. Defaults to 2.
        tokens: function that returns the tokens of which clients must send one; None where they need none. Defaults to
            None.
        opens_repository: bool. Whether clients may load and unload the model. Defaults to False.
        logs_access: bool. Whether each request makes a line on standard output. Defaults to False.
        is_traced: bool. Whether OpenTelemetry traces are exported. Defaults to False.
        has_page: bool. Whether `/` is a page for a person. Defaults to True.
        tls: `TlsFiles` of both ports; None for plaintext. Defaults to None.
        log_config_file: string. Path of a logging configuration; None for a quiet one. Defaults to None.
        grpc_options: tuple of gRPC channel arguments. Defaults to none.
        store_endpoint: string. Address of the S3 server of a store in a bucket; empty takes `AWS_ENDPOINT_URL`, else
            Amazon's.
        store_cache: path of the folder for copies of a store in a bucket. Defaults to one in the user's cache.
        trust: `Trust`. What a model must show before it is loaded. Defaults to a receipt that its files agree with.
    """

    model_name: str
    model_dir: str | Path
    host: str
    http_port: int
    grpc_port: int | None
    limits: Limits = dataclasses.field(default_factory=Limits)
    poll_seconds: float = 2.0
    tokens: Callable[[], Sequence[str]] | None = dataclasses.field(default=None, repr=False)
    opens_repository: bool = False
    logs_access: bool = False
    is_traced: bool = False
    has_page: bool = True
    tls: TlsFiles | None = None
    log_config_file: str | None = None
    grpc_options: tuple[tuple[str, int], ...] = ()
    store_endpoint: str = ""
    store_cache: Path | None = None
    trust: Trust = dataclasses.field(default_factory=Trust)

    def open_source(self) -> ModelSource:
        """Returns where the model comes from.

        Raises:
            UsageError: if there cannot be a store of this name.
            StoreError: if the bucket cannot be opened.
        """
        return open_source(self.model_dir, self.store_endpoint, self.store_cache)

    def check_ports(self) -> None:
        """Checks that the server can listen.

        Raises:
            UsageError: if a port is taken.
        """
        for port in (self.http_port, self.grpc_port):
            if port is not None:
                _check_port(self.host, port)


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"Expected to listen on {host}:{port}. Received: {error.strerror}. Name another port."
            ) from None


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the server's flags."""
    parser = argparse.ArgumentParser(
        prog="python -m yachay.serving",
        description="KServe's server over a pushed model.",
        parents=[kserve_parser],
        conflict_handler="resolve",
        allow_abbrev=False,
    )
    defaults = Limits()
    add = parser.add_argument
    add("--model_dir", required=True, help="A SavedModel, a push, or a store of pushes (followed), also in a bucket.")
    add("--store_endpoint", default="", metavar="URL", help="S3 server of a store in a bucket.")
    add("--store_cache", type=Path, metavar="DIR", help="Folder for copies of a store in a bucket.")
    add("--host", default="0.0.0.0", help="The address to listen on.")
    add("--max_rows", type=int, default=defaults.max_rows, help="Rows of a request.")
    add("--max_batch_rows", type=int, default=defaults.max_batch_rows, help="Rows that are predicted together.")
    add("--max_string_bytes", type=int, default=defaults.max_string_bytes, help="Bytes of a string.")
    add("--max_body_bytes", type=int, default=defaults.max_body_bytes, help="Bytes of a request's body.")
    add("--max_header_bytes", type=int, default=defaults.max_header_bytes, help="Bytes of a request's header.")
    add("--max_connections", type=int, default=defaults.max_connections, help="Connections over REST.")
    add("--max_buffered_bytes", type=int, default=defaults.max_buffered_bytes, help="Bytes of all bodies at once.")
    add("--header_seconds", type=float, default=defaults.header_seconds, help="How long a header may take.")
    add("--body_seconds", type=float, default=defaults.body_seconds, help="How long the rest of a body may take.")
    add("--request_seconds", type=float, default=defaults.request_seconds, help="How long a request may take in all.")
    add("--poll_seconds", type=float, default=Settings.poll_seconds, help="How often a store is looked at.")
    add(
        "--token_file",
        type=Path,
        help=f"File of tokens, one a line, of which clients must send one (or {TOKEN_VARIABLE}).",
    )
    add("--ssl_ca_certs", type=Path, help="Authorities of clients' certificates, which are then asked for.")
    add("--enable_repository_api", type=boolean, default=False, help="Let clients load and unload the model.")
    add("--enable_access_log", type=boolean, default=False, help="A line of JSON for each request, on stdout.")
    add("--enable_tracing", type=boolean, default=False, help="Export OpenTelemetry traces (OTEL_* say where).")
    add("--enable_page", type=boolean, default=True, help="A page for a person at /.")
    trust.add_arguments(parser)
    add_arguments(parser)
    return parser


def read_settings(options: argparse.Namespace) -> Settings:
    """Returns the settings of parsed flags.

    Raises:
        ConfigurationError: if a value cannot be used.
    """
    if options.workers != 1:
        raise ConfigurationError(
            f"Expected --workers=1. Received: {options.workers}. A TensorFlow model cannot be sent to another process; "
            "run more replicas."
        )
    limits = Limits(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Limits)})
    for name, value in [*dataclasses.asdict(limits).items(), ("poll_seconds", options.poll_seconds)]:
        if not value > 0:
            raise ConfigurationError(f"Expected --{name} to be above 0. Received: {value}.")
    if not options.model_name or "/" in options.model_name or ":" in options.model_name:
        raise ConfigurationError(
            "Expected --model_name without a slash or a colon, which end it in an address. "
            f"Received: {options.model_name!r}."
        )
    return Settings(
        model_name=options.model_name,
        model_dir=options.model_dir,
        host=options.host,
        http_port=options.http_port,
        grpc_port=options.grpc_port if options.enable_grpc else None,
        limits=limits,
        poll_seconds=options.poll_seconds,
        tokens=watch_tokens(options.token_file),
        opens_repository=bool(options.enable_repository_api),
        logs_access=bool(options.enable_access_log),
        is_traced=bool(options.enable_tracing),
        has_page=bool(options.enable_page),
        log_config_file=options.log_config_file,
        grpc_options=(
            ("grpc.max_send_message_length", options.grpc_max_send_message_length),
            ("grpc.max_receive_message_length", options.grpc_max_receive_message_length),
        ),
        store_endpoint=options.store_endpoint,
        store_cache=options.store_cache,
        trust=trust.read_trust(options),
        tls=_tls(options),
    )


def _tls(options: argparse.Namespace) -> TlsFiles | None:
    certificate, key, authorities = (getattr(options, name) for name in ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs"))
    if not certificate and not key and not authorities:
        return None
    if not certificate or not key:
        raise ConfigurationError(
            "Expected --ssl_certfile and --ssl_keyfile together. Received: "
            f"{'one of them' if certificate or key else '--ssl_ca_certs alone'}."
        )
    files = TlsFiles(Path(certificate), Path(key), authorities)
    files.context()
    return files
