"""What the commands that work on a pipeline have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from ..files import DEFAULT_WORKDIR
from .exit_status import ExitStatus

if TYPE_CHECKING:
    from ..pipelines.config.pipeline_config import PipelineConfig
    from ..pipelines.runs.summary import Summary

pipeline_argument = click.argument("pipeline", metavar="NAME|PATH")
data_option = click.option(
    "--data",
    metavar="FILE_OR_FOLDER",
    help="Records: a file, a folder or a pattern (default: those of the profile mock).",
)
task_option = click.option("--task", metavar="T", help="Task of the pipeline (default: the configuration's).")
pipeline_option = click.option(
    "--pipeline",
    "pipeline_name",
    metavar="P",
    default="training",
    show_default=True,
    help="One of the configuration's `pipelines`.",
)
profile_option = click.option("--profile", metavar="P", help="Profile to lay over the configuration.")
workdir_option = click.option(
    "--workdir",
    type=click.Path(path_type=Path, file_okay=True),
    default=Path(DEFAULT_WORKDIR),
    show_default=True,
    help="Folder that keeps runs and models.",
)
config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="Configuration in place of the pipeline's own."
)
set_option = click.option(
    "--set", "overrides", metavar="a.b=c", multiple=True, help="Change a field of the configuration; may be repeated."
)

tune_option = click.option("--tune", is_flag=True, help="Search for hyperparameters first, as `tune` says.")
trials_option = click.option(
    "--trials", type=click.IntRange(min=1), metavar="N", help="Trials of the search (default: `tune.trials`)."
)
minutes_option = click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="Minutes of the search (default: `tune.minutes`).",
)


def folder_option(text: str, is_required: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns the option `--output` of a command that writes a folder, the argument `folder`.

    Args:
        text: string. The option's help.
        is_required: bool. Defaults to False.
    """
    folder = click.Path(path_type=Path, file_okay=False)
    return click.option("-o", "--output", "folder", metavar="FOLDER", required=is_required, type=folder, help=text)


def tuning_overrides(tune: bool, trials: int | None, minutes: float | None) -> list[str]:
    """Returns the overrides of the configuration that `--tune`, `--trials` and `--minutes` stand for.

    Raises:
        UsageError: if there is a budget without a search.
    """
    budget = {"trials": trials, "minutes": minutes}
    given = [name for name, value in budget.items() if value is not None]
    if given and not tune:
        raise UsageError(f"Expected --tune beside --{given[0]}, the budget of a search. Received: no --tune. Add it.")
    return [*(["tune.enabled=true"] if tune else []), *(f"tune.{name}={budget[name]}" for name in given)]


def announce(config: "PipelineConfig", task: str, family: str, data_uri: str | None) -> None:
    """Prints what is about to be done, and loudly where it is done on synthetic data."""
    own = config.model.run_fn
    model = f"trained by {own}" if own else f"model family {family}"
    click.echo(f"{config.name}, task {task}, {model}", err=True)
    if unsearched := _unsearched_spaces(config, task):
        click.secho(f"Not searched: {', '.join(unsearched)} of tune.spaces. Name them in tune.families.", err=True)
    if config.is_synthetic:
        click.secho(
            f"SYNTHETIC DATA: the profile {config.profile!r} writes it; no result says anything about real people.",
            err=True,
            bold=True,
        )
    elif data_uri:
        click.echo(f"Data: {data_uri}", err=True)


def _unsearched_spaces(config: "PipelineConfig", task: str) -> tuple[str, ...]:
    if not config.tune.enabled:
        return ()
    from ..components.tuner.settings import unsearched_spaces

    return unsearched_spaces(config.tune, config.for_task(task).model)


def status_of(summary: "Summary") -> ExitStatus:
    """Returns the exit status of a run that came to its end."""
    if summary.verdict is None:
        return ExitStatus.DONE  # No node judges the model.
    if not summary.is_good:
        return ExitStatus.NOT_BLESSED
    return ExitStatus.ROLLED_BACK if summary.is_rolled_back else ExitStatus.DONE
