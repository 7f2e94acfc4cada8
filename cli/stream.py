"""`yachay stream`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from . import frame, options
from .exit_status import ExitStatus
from .pushed_model import flags_for, store_flags

if TYPE_CHECKING:
    from ..pipelines.config.stream_settings import StreamSettings

_PLACES = "file:PATH, kafka://HOST:PORT/TOPIC or kinesis://STREAM?region=REGION"


@frame.command("stream", has_json=False, has_signals=True, context_settings={"ignore_unknown_options": True})
@click.argument("pipeline", metavar="NAME|PATH")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@click.option("--from", "source", metavar="SOURCE", help=f"{_PLACES} (default: stream.source).")
@click.option("--to", "sink", metavar="SINK", help="Where predictions go, of the same forms (default: stream.sink).")
@click.option(
    "--dead-letter",
    metavar="SINK",
    help="Where events without a prediction go, with the reason (default: stream.dead_letter, else --to).",
)
@click.option("--model", metavar="PUSH", help="Push or store of pushes (default: the pipeline's store, followed).")
@click.option("--once", is_flag=True, help="End at the end of the source.")
@click.option("--metrics-port", type=int, default=8080, show_default=True, help="Of probes and metrics; 0 for none.")
@options.task_option
@options.config_option
@options.set_option
@options.workdir_option
def command(
    output: frame.Fields,
    pipeline: str,
    flags: tuple[str, ...],
    source: str | None,
    sink: str | None,
    dead_letter: str | None,
    model: str | None,
    once: bool,
    metrics_port: int,
    task: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    workdir: Path,
) -> ExitStatus:
    """Predict the events of a stream with a pushed model, each at least once.

    The newest push of the pipeline's store predicts, and each newer one once it is there. Any other flag of `python -m
    yachay.serving.streaming` is passed on, such as --group=NAME, --instance=NAME or --prediction_log=DIR
    (docs/streams.md).
    """
    from ..pipelines.api import choose_task
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides)
    stream = config.stream
    places = _places(stream, source, sink, dead_letter)
    place = flags_for(model) if model else store_flags(config, choose_task(config, task), pipeline, workdir)
    from ..serving.streaming.__main__ import main

    return ExitStatus(
        main(
            [
                f"--model_name={config.name.replace('_', '-')}",
                *place,
                *places,
                f"--envelope={json.dumps(stream.envelope.model_dump(exclude_defaults=True))}",
                f"--metrics_port={metrics_port}",
                "--host=127.0.0.1",
                *(["--once"] if once else []),
                *flags,
            ]
        )
    )


def _places(stream: "StreamSettings", source: str | None, sink: str | None, dead_letter: str | None) -> list[str]:
    found = {
        "from": source or stream.source,
        "to": sink or stream.sink,
        "dead_letter": dead_letter or stream.dead_letter,
    }
    for name, field in (("from", "source"), ("to", "sink")):
        if not found[name]:
            raise UsageError(
                f"Expected --{name}, or stream.{field} in the configuration: {_PLACES}. Received: neither."
            )
    return [f"--{name}={place}" for name, place in found.items() if place]
