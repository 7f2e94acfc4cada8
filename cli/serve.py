"""`yachay serve`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..files import DEFAULT_WORKDIR
from . import frame, options
from .exit_status import ExitStatus

if TYPE_CHECKING:
    from ..pipelines.config.pipeline_config import PipelineConfig

BUCKET_POLL_SECONDS = 30


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
    name, place = _find(model, task, config_path, overrides, workdir)
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


def _find(
    model: str, task: str | None, config_path: Path | None, overrides: tuple[str, ...], workdir: Path
) -> tuple[str, list[str]]:
    """Returns the name to serve a model under, and the server's flags for where it lies."""
    path = Path(model)
    if "://" in model or (path.is_dir() and not (path / "config.yaml").is_file()):
        for flag, given in (("--task", task), ("--config", config_path), ("--set", overrides)):
            if given:
                raise UsageError(f"Expected {flag} beside a pipeline. Received: beside a folder of models.")
        return "model", _flags(model)
    from ..pipelines.api import choose_task
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(model, config_path).load(overrides)
    task = choose_task(config, task)
    return config.name.replace("_", "-"), _store(config, task, model, workdir)


def _store(config: "PipelineConfig", task: str, pipeline: str, workdir: Path) -> list[str]:
    """Returns the flags for the store of a pipeline: that of real records, or where it is empty of synthetic ones."""
    from ..model_store.location import open_store
    from ..model_store.store import latest_push
    from ..pipelines.config.pipeline_config import MOCK
    from ..pipelines.runs.run_folder import PipelineHome

    places = []
    mock = config.model_copy(update={"profile": MOCK})
    for one in (config, mock):
        name = one.pipeline_name(task)
        uri = config.push.store_of(name) or str(PipelineHome(workdir.absolute() / name).models_path)
        store = open_store(uri, config.push.mount, config.push.endpoint_url)
        if latest_push(store) is not None:
            if one is mock:
                click.secho("SYNTHETIC DATA: the model was trained on no real records.", err=True, bold=True)
            # A claim is served from where it is mounted.
            return _flags(str(getattr(store, "path", uri)), config.push.endpoint_url)
        places.append(uri)
    raise UsageError(
        f"Expected a pushed model in {places[0]}. Received: none. Run "
        f"`{_command_that_pushes(config, task, pipeline, workdir)}` first."
    )


def _command_that_pushes(config: "PipelineConfig", task: str, pipeline: str, workdir: Path) -> str:
    parts = ["yachay run", pipeline, "--data FILE"]
    if task != config.default_task:
        parts.append(f"--task {task}")
    if str(workdir) != DEFAULT_WORKDIR:
        parts.append(f"--workdir {workdir}")
    return " ".join(parts)


def _flags(place: str, endpoint_url: str = "") -> list[str]:
    flags = [f"--model_dir={place}"]
    if "://" in place:
        flags.append(f"--poll_seconds={BUCKET_POLL_SECONDS}")
    if endpoint_url:
        flags.append(f"--store_endpoint={endpoint_url}")
    return flags
