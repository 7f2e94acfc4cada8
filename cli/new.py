"""`yachay new`."""

from pathlib import Path

import click

from ..errors import YachayError
from . import options
from .exit_status import ExitStatus


@click.command("new")
@click.argument("name")
@click.option("--data", required=True, type=click.Path(path_type=Path), metavar="FILE", help="CSV or Parquet file.")
@click.option("--label", required=True, metavar="COLUMN", help="Column to predict.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path(), help="Folder in which NAME is made (default: here)."
)
def command(name: str, data: Path, label: str, output: Path) -> ExitStatus:
    """Write a pipeline for a data file: configuration, schema, README.

    The kinds of features are inferred; look at them in NAME/config.yaml, then `yachay run NAME`.
    """
    from ..pipelines.scaffold.scaffold import scaffold

    try:
        folder = scaffold(name, data, label, output)
    except YachayError as error:
        return options.report_error(error)
    click.echo(f"Wrote {folder}/: config.yaml, schema.pbtxt, README.md.", err=True)
    click.echo(f"Look at the kinds of features in {folder / 'config.yaml'}, then run: yachay run {folder}", err=True)
    return ExitStatus.DONE
