"""`yachay climate`."""

from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from . import frame, options

FIELDS = ("pipeline", "output", "stations")
"""What `--json` prints, whatever happens."""


@frame.command("climate", fields=FIELDS)
@options.pipeline_argument
@click.option(
    "--data", "uris", metavar="URI", multiple=True, required=True, help="Files, a folder or a pattern; may be repeated."
)
@click.option("--station", "stations", metavar="NAME", multiple=True, help="Only this station; may be repeated.")
@options.folder_option(
    "Folder for a page and a JSON file a station, and tables of months and years (default: none is written)."
)
@options.profile_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    uris: tuple[str, ...],
    stations: tuple[str, ...],
    folder: Path | None,
    profile: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Analyse the climate of stations: normals, anomalies, extremes, trends with intervals, homogeneity.

    URI is also a folder that `yachay prepare` wrote. Missing days are never filled in.
    """
    from ..dotted import import_callable
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides, profile or "")
    if config.data.climate is None:
        raise UsageError(f"Expected a pipeline with `data.climate`. Received: {config.name}, which has no stations.")
    analyse: Any = import_callable(config.data.climate, "data.climate")
    found = analyse(list(uris), folder, config.data.reader_options, stations, _show)
    output.update({"pipeline": config.name, "output": str(folder) if folder else None, "stations": found})
    if not frame.is_json():
        click.echo("\n\n".join(map(_to_text, found)))


def _show(station: str) -> None:
    click.echo(f"done: {station}", err=True)


def _to_text(found: dict[str, Any]) -> str:
    lines = [click.style(f"{found['station']}, {found['first_day']} to {found['last_day']}", bold=True)]
    lines += [f"  {sentence}" for sentence in found["summary"]]
    return "\n".join([*lines, *([f"  page       {found['page']}"] if found["page"] else [])])
