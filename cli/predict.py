"""`yachay predict`."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from . import frame, options
from .pushed_model import find_model

if TYPE_CHECKING:
    from ..components.batch_predictor.predict import PredictionSummary, Progress
    from ..components.batch_predictor.settings import PredictSettings
    from ..pipelines.config.pipeline_config import PipelineConfig

FIELDS = (
    *("model", "version", "output", "quarantine", "rows", "rejected", "resumed_rows", "evaluator"),
    *("seconds", "rows_per_second", "warnings"),
)
"""What `--json` prints, whatever happens."""


def _hints(output: frame.Fields, error: BaseException) -> Iterator[str]:
    if isinstance(error, KeyboardInterrupt):
        yield "The same command goes on from the parts that are complete."


@frame.command("predict", fields=FIELDS, hints=_hints)
@click.argument("model", metavar="NAME|PATH|MODEL_DIR")
@click.option("--data", metavar="IN", help="Records: a file, a folder or a pattern, here, in s3:// or gs://.")
@click.option(
    "-o", "--output", "target", metavar="OUT", help="File: .parquet, .csv, .jsonl, or the latter two with .gz."
)
@click.option("--key", metavar="COLUMN", multiple=True, help="Column that goes into the output; may be repeated.")
@click.option("--inputs", is_flag=True, help="Write the model's features into the output too.")
@click.option("--overwrite", is_flag=True, help="Replace an output that is there.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes (default: one a processor).")
@click.option(
    "--version", metavar="V", help="Version, content hash or alias in a pipeline's store (default: the newest)."
)
@options.task_option
@options.config_option
@options.set_option
@options.workdir_option
def command(
    output: frame.Fields,
    model: str,
    data: str | None,
    target: str | None,
    key: tuple[str, ...],
    inputs: bool,
    overwrite: bool,
    workers: int | None,
    version: str | None,
    task: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    workdir: Path,
) -> None:
    """Score files of records with a pushed model.

    NAME is one of `yachay list`, PATH the folder of a pipeline: its newest push scores, and records are read as the
    pipeline's ingest reads them. MODEL_DIR is a SavedModel, a push or a store of pushes, also in a bucket (gs://,
    s3://, minio://). Records that do not fit go to OUT's name with .quarantine.csv, with line and reason.
    """
    name, place, endpoint_url, config = _find(model, task, config_path, overrides, workdir)
    settings = _settings(config.predict if config else None, data, target, key, inputs)
    from ..components.batch_predictor.predict import predict
    from ..components.example_gen.settings import ReadSettings
    from ..serving.store import open_source

    below = None if version is None else str(_number(version, config, task, workdir) + 1)
    found = open_source(place, endpoint_url).newest(below)
    output.update({"model": name, "version": found.version})
    click.echo(f"{name}, version {found.version}", err=True)
    with _shown() as progress:
        summary = predict(
            found.path,
            settings,
            config.data if config else ReadSettings(),
            overwrite=overwrite,
            facts={"model": name, "version": found.version},
            progress=progress,
            num_workers=workers,
        )
    _report(output, summary)


def _find(
    model: str, task: str | None, config_path: Path | None, overrides: tuple[str, ...], workdir: Path
) -> "tuple[str, str, str, PipelineConfig | None]":
    """Returns the name of a model, where it lies, the address of its store, and the configuration of its pipeline."""
    name, flags = find_model(model, task, config_path, overrides, workdir)
    given = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
    config = None
    if (path := Path(model)) and "://" not in model and (not path.is_dir() or (path / "config.yaml").is_file()):
        from ..pipelines.registry import find_pipeline

        config = find_pipeline(model, config_path).load(overrides)
    return name, given["model_dir"], given.get("store_endpoint", ""), config


def _number(version: str, config: "PipelineConfig | None", task: str | None, workdir: Path) -> int:
    """Returns the number of the version that is meant.

    Raises:
        UsageError: if there is none, or the model is no pipeline's.
    """
    if config is None:
        raise UsageError(
            "Expected --version beside a pipeline. Received: beside a folder of models. Name the push itself."
        )
    from ..pipelines.api import choose_task
    from ..pipelines.models import open_models

    return open_models(config, choose_task(config, task), workdir).find(version).version


def _settings(
    configured: "PredictSettings | None", data: str | None, target: str | None, key: tuple[str, ...], inputs: bool
) -> "PredictSettings":
    """Returns what the configuration says, with the options in the place of its fields.

    Raises:
        UsageError: if neither names the records or the output.
    """
    from ..components.batch_predictor.settings import SUFFIXES, PredictSettings, suffix_of
    from ..components.settings import check_settings

    base = configured or PredictSettings()
    given = {"data": data or base.data, "output": target or base.output}
    for name, value in given.items():
        if not value:
            raise UsageError(f"Expected --{name}, or predict.{name} in the configuration. Received: neither.")
    if suffix_of(given["output"]) is None:
        raise UsageError(
            f"Expected --output to end in one of {', '.join(SUFFIXES)}. Received: {given['output']!r}. Its format "
            "follows from its name."
        )
    changed = {**given, "key": key or base.key, "inputs": inputs or base.inputs}
    return check_settings(PredictSettings, base.model_dump() | changed, "predict")


@contextlib.contextmanager
def _shown() -> Iterator[Callable[["Progress"], None]]:
    """Gives a function that shows progress: a bar on a terminal, elsewhere a line at every tenth."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    columns = (
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
    )
    bar = bars.Progress(*columns, console=console, disable=not console.is_terminal)
    task = bar.add_task("", total=1.0, rate="")
    num_rows = num_resumed = tenths = 0

    def show(progress: "Progress") -> None:
        nonlocal num_rows, num_resumed, tenths
        num_rows += progress.rows
        num_resumed += progress.rows if progress.is_resumed else 0
        seconds = bar.tasks[0].elapsed or 1e-9
        rate = f"{num_rows:,} rows, {(num_rows - num_resumed) / seconds:,.0f} rows/s"
        bar.update(task, completed=max(progress.share, bar.tasks[0].completed), rate=rate)
        if not console.is_terminal and int(progress.share * 10) > tenths:
            tenths = int(progress.share * 10)
            console.print(f"{tenths * 10}%: {rate}", soft_wrap=True)

    with bar:
        yield show


def _report(output: frame.Fields, summary: "PredictionSummary") -> None:
    output.update(
        {
            **{name: getattr(summary, name) for name in ("output", "rows", "rejected", "resumed_rows", "evaluator")},
            "quarantine": summary.quarantine or None,
            "seconds": round(summary.seconds, 3),
            "rows_per_second": round(summary.rows_per_second),
            "warnings": list(summary.warnings),
        }
    )
    lines = [
        f"  output     {summary.output}",
        f"  rows       {summary.rows:,} predicted, {summary.rejected:,} rejected",
        f"  took       {summary.seconds:.1f} s, {summary.rows_per_second:,.0f} rows/s",
    ]
    if summary.resumed_rows:
        lines.append(f"  resumed    {summary.resumed_rows:,} rows were there from a run that was interrupted")
    if summary.quarantine:
        lines.append(f"  quarantine {summary.quarantine}")
    lines += [f"  warning: {warning}" for warning in summary.warnings]
    click.echo("\n".join(lines), err=True)
