"""`yachay compile`."""

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import click

from ..errors import UsageError
from ..files import write_atomically
from . import frame, options


@frame.command("compile", fields=["file", "pipeline", "warnings"])
@options.pipeline_argument
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: .yaml, or .yml.",
)
@options.task_option
@options.profile_option
@options.pipeline_option
@click.option("--image", metavar="IMAGE", help="Image of the steps (default: the configuration's kubeflow.image).")
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    file: Path,
    task: str | None,
    profile: str | None,
    pipeline_name: str,
    image: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Compile a pipeline for open-source Kubeflow Pipelines 2.

    NAME is one of `yachay list`; PATH is a folder with a config.yaml. The file is what `yachay run-spec` runs here and
    `yachay submit` uploads.
    """
    from ..pipelines.api import choose_task
    from ..pipelines.registry import find_pipeline
    from ..pipelines.runs.output import redirected_to

    if file.suffix not in (".yaml", ".yml"):
        raise UsageError(f"Expected --output to end in .yaml or .yml. Received: {file}.")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"Expected the folder of --output to exist. Received: {file}. Make it first.")
    folder = find_pipeline(pipeline, config_path)
    config = folder.load(overrides, profile or "")
    chosen = choose_task(config, task, overrides)
    config.check_pipeline(pipeline_name)
    image = config.kubeflow.choose_image(image)
    with _without_collecting(), redirected_to(Path(os.devnull)):
        # TFX takes seconds to import: an invalid command must not wait for it.
        from ..pipelines.kubeflow.compile.configured import compile_configuration

        compiled = compile_configuration(folder, config, chosen, image, pipeline_name)
        content = compiled.to_yaml()
    _write(file, content)
    name = config.pipeline_name(chosen, pipeline_name)
    output.update({"file": str(file.absolute()), "pipeline": name, "warnings": list(compiled.warnings)})
    click.echo(f"{file}: {name}, {len(content):,} bytes", err=True)
    for warning in compiled.warnings:
        click.echo(f"Warning: {warning}", err=True)


def _write(output: Path, content: str) -> None:
    try:
        write_atomically(output, content)
    except OSError as error:
        raise UsageError(
            f"Expected to write to {output}. Received: {error.strerror}. Choose another --output."
        ) from None


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Keeps the garbage collector from going through TensorFlow's modules, here and when the process ends.

    There is no garbage among them, and it takes a third of the command's time to find that out.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
