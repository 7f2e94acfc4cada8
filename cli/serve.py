"""`yachay serve`."""

import sys
from pathlib import Path

import click

from ..errors import UsageError, YachayError
from ..pipelines.config.pipeline_config import PipelineConfig
from ..pipelines.registry import find_pipeline
from ..pipelines.runs.run_folder import PipelineHome
from . import options
from .exit_status import ExitStatus


@click.command("serve", context_settings={"ignore_unknown_options": True})
@click.argument("model", metavar="NAME|MODEL_DIR")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@options.task_option
@options.workdir_option
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=8080, show_default=True, help="Port of REST.")
@click.option("--grpc-port", type=int, default=8081, show_default=True, help="Port of gRPC.")
@click.option("--no-page", is_flag=True, help="No page for a person at /.")
def command(
    model: str,
    flags: tuple[str, ...],
    task: str | None,
    workdir: Path,
    host: str,
    port: int,
    grpc_port: int,
    no_page: bool,
) -> ExitStatus:
    """Serve a pushed model over V1, V2 and gRPC, with KServe's own server.

    NAME is one of `yachay list`: its newest push is served, and each newer one swapped in. MODEL_DIR is a SavedModel, a
    push or a store of pushes. Any other flag of `python -m yachay.serving` is passed on, such as --token_file=FILE or
    --enable_tracing=true.
    """
    try:
        name, folder = _find(model, task, workdir)
    except YachayError as error:
        return options.report_error(error)
    arguments = [
        *(f"--model_name={name}", f"--model_dir={folder}", f"--host={host}"),
        *(f"--http_port={port}", f"--grpc_port={grpc_port}", f"--enable_page={str(not no_page).lower()}"),
        *flags,
    ]
    # KServe's SDK reads sys.argv when it is imported.
    sys.argv[1:] = arguments
    from ..serving.__main__ import main

    return ExitStatus(main(arguments))


def _find(model: str, task: str | None, workdir: Path) -> tuple[str, Path]:
    """Returns the name to serve a model under, and its folder."""
    path = Path(model)
    if path.is_dir() and not (path / "config.yaml").is_file():
        if task is not None:
            raise UsageError("Expected --task beside a pipeline. Received: beside a folder of models.")
        return "model", path
    config = find_pipeline(model).load()
    return config.name.replace("_", "-"), _store(config, options.choose_task(config, task), workdir)


def _store(config: PipelineConfig, task: str, workdir: Path) -> Path:
    """Returns the model store of a pipeline: that of real records, or where there is none that of synthetic ones."""
    homes = [PipelineHome(workdir.absolute() / config.pipeline_name(task, is_mock)) for is_mock in (False, True)]
    for home in homes:
        if home.models_path.is_dir():
            if home is homes[1]:
                click.secho("SYNTHETIC DATA: the model was trained on no real records.", err=True, bold=True)
            return home.models_path
    raise UsageError(
        f"Expected a pushed model in {homes[0].models_path}. Received: none. Run `yachay run {config.name}` first."
    )
