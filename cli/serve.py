"""`yachay serve`."""

import sys
from pathlib import Path

import click

from . import frame, options
from .exit_status import ExitStatus
from .pushed_model import find_model


@frame.command("serve", has_json=False, has_signals=True, context_settings={"ignore_unknown_options": True})
@click.argument("model", metavar="NAME|PATH|MODEL_DIR")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@options.task_option
@options.config_option
@options.set_option
@options.workdir_option
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=8080, show_default=True, help="Port of REST.")
@click.option("--grpc-port", type=int, default=8081, show_default=True, help="Port of gRPC.")
@click.option(
    "--trusted-key",
    type=click.Path(path_type=Path),
    help="Public key by which a push must be signed (docs/pushing.md).",
)
@click.option("--no-page", is_flag=True, help="No page for a person at /.")
def command(
    output: frame.Fields,
    model: str,
    flags: tuple[str, ...],
    task: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    workdir: Path,
    host: str,
    port: int,
    grpc_port: int,
    trusted_key: Path | None,
    no_page: bool,
) -> ExitStatus:
    """Serve a pushed model over V1, V2 and gRPC, with KServe's own server.

    NAME is one of `yachay list`, PATH the folder of a pipeline: the newest push of its store (push.store, else the runs
    in --workdir) is served, and each newer one swapped in. MODEL_DIR is a SavedModel, a push or a store of pushes, also
    in a bucket (gs://, s3://, minio://). Any other flag of `python -m yachay.serving` is passed on, such as
    --token_file=FILE or --enable_tracing=true.
    """
    name, place = find_model(model, task, config_path, overrides, workdir)
    arguments = [
        *(f"--model_name={name}", *place, f"--host={host}"),
        *(f"--http_port={port}", f"--grpc_port={grpc_port}", f"--enable_page={str(not no_page).lower()}"),
        *([f"--trusted_key={trusted_key}"] if trusted_key is not None else []),
        *flags,
    ]
    # KServe's SDK reads sys.argv when it is imported.
    sys.argv[1:] = arguments
    from ..serving.__main__ import main

    return ExitStatus(main(arguments))
