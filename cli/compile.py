"""`yachay compile`."""

from pathlib import Path

import click

from ..errors import UsageError
from ..files import write_atomically
from . import frame, options
from .compiling import Choice, compile_chosen, image_option, warn


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
@image_option
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
    if file.suffix not in (".yaml", ".yml"):
        raise UsageError(f"Expected --output to end in .yaml or .yml. Received: {file}.")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"Expected the folder of --output to exist. Received: {file}. Make it first.")
    compiled = compile_chosen(Choice(pipeline, config_path, overrides, profile, task, pipeline_name, image))
    _write(file, compiled.content)
    output.update({"file": str(file.absolute()), "pipeline": compiled.name, "warnings": list(compiled.warnings)})
    click.echo(f"{file}: {compiled.name}, {len(compiled.content):,} bytes", err=True)
    warn(compiled)


def _write(output: Path, content: str) -> None:
    try:
        write_atomically(output, content)
    except OSError as error:
        raise UsageError(
            f"Expected to write to {output}. Received: {error.strerror}. Choose another --output."
        ) from None
