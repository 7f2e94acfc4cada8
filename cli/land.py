"""`yachay land`."""

from pathlib import Path

import click

from . import frame, options

FIELDS = ("pipeline", "task", "target", "events", "landed", "replaced", "rejected", "quarantine", "spans")
"""What `--json` prints, whatever happens."""


@frame.command("land", fields=FIELDS)
@options.pipeline_argument
@click.option(
    "--events", metavar="IN", required=True, help="JSON lines: a file, a folder or a pattern; s3:// or gs:// too."
)
@click.option(
    "--to", "target", metavar="FOLDER", required=True, help="Folder or URI; the spans are in its folder spans."
)
@click.option("--id", "id_field", metavar="FIELD", default="id", show_default=True, help="Field of the event's id.")
@click.option("--time", "time_field", metavar="FIELD", default="time", show_default=True, help="Field of its time.")
@click.option(
    "--features",
    "features_field",
    metavar="FIELD",
    default="",
    help="Field that holds the features (default: the event).",
)
@options.task_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    events: str,
    target: str,
    id_field: str,
    time_field: str,
    features_field: str,
    task: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Land labelled events as spans of training data: a Parquet file a day of event time.

    An event is a line of JSON with an id, a time, the columns of the records and the label. The spans are what
    `yachay run --data 'FOLDER/spans/{SPAN}/*.parquet'` trains on. Events that do not fit the schema are rejected with
    the field's name; one that comes again replaces itself.
    """
    from ..components.labelled_events.land import EventForm, land
    from ..pipelines.api import choose_task
    from ..pipelines.columns import ingest_spec
    from ..pipelines.registry import find_pipeline
    from ..schemas import parse_schema

    folder = find_pipeline(pipeline, config_path)
    config = folder.load(overrides)
    chosen = choose_task(config, task)
    spec = ingest_spec(parse_schema(folder.schema_text(config)), config, chosen)
    output.update({"pipeline": config.name, "task": chosen, "target": target})
    form = EventForm(id_field, time_field, features_field)
    found = land(events, target, spec.columns, spec.label.name, spec.label.values, form)
    output.update({name: getattr(found, name) for name in FIELDS[3:]} | {"quarantine": found.quarantine or None})
    lines = [
        f"  events     {found.events:,}",
        f"  rows       {found.landed:,} new, {found.replaced:,} replaced, {found.rejected:,} rejected",
        *(f"  span       {day}: {rows:,} rows" for day, rows in found.spans.items()),
    ]
    if found.rejected:
        lines += [f"  quarantine {found.quarantine}", *(f"    {text}" for text in found.shown)]
    click.echo("\n".join(lines), err=True)
