"""`python -m yachay.serving`: the server in its image, and behind `yachay serve`."""

import gc
import logging
import logging.config
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kserve.logging import configure_logging

from ..deferred import import_tensorflow
from ..errors import ConfigurationError, UsageError, YachayError
from .prediction_log import prediction_log
from .settings import make_parser, read_settings

if TYPE_CHECKING:
    from .server import Server

FAILED = 1
REJECTED = 2

SWITCH_SECONDS = 5e-4
"""A thread that reads a large body gives way to the event loop after so long; Python's own 5 ms are three times what a
quiet server's slowest requests take."""

logger = logging.getLogger("yachay.serving")


def main(arguments: Sequence[str]) -> int:
    """Serves until it is stopped, and returns the exit status.

    Args:
        arguments: sequence of strings. The command line without the program.
    """
    try:
        options = make_parser().parse_args(arguments)
        settings = read_settings(options)
        settings.open_source().newest()
        settings.check_ports()
        # TensorFlow takes seconds to import: what is rejected must not wait for it.
        import_tensorflow()
        from .saved_model import use_as_many_threads_as_cpus
        from .server import Server

        use_as_many_threads_as_cpus()
        configure_logging(settings.log_config_file or _quiet())
        log = prediction_log(options)
        server = Server(settings, [] if log is None else [log])
        # TensorFlow's objects stay: each full collection through them would hold up all requests for 200 ms. Not so a
        # model's, which must go when another is swapped in.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_SECONDS)
        server.load()
        if log is not None:
            log.check_features(server.model.current().features)
        logger.info("%s", _introduction(server))
        server.start()
    except YachayError as error:
        print(f"Error: {error}", file=sys.stderr)
        return REJECTED if isinstance(error, UsageError | ConfigurationError) else FAILED
    return 0


def _introduction(server: "Server") -> str:
    settings, model = server.settings, server.model.current()
    scheme = "https" if settings.tls else "http"
    security = "" if settings.tls else " (plaintext)"
    grpc = f", gRPC on {settings.host}:{settings.grpc_port}{security}" if settings.grpc_port else ""
    return (
        f"{model.name}, version {model.version}, family {model.family}: "
        f"{scheme}://{settings.host}:{server.http_port}/v1/models/{model.name}:predict{grpc}"
    )


def _quiet() -> dict[str, Any]:
    """Returns a logging configuration without a line a request."""
    level = os.environ.get("KSERVE_LOGLEVEL", "WARNING")
    quiet = {name: {"level": level} for name in ("kserve", "kserve.trace", "uvicorn", "uvicorn.error")}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {**quiet, "yachay": {"level": "INFO"}},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
