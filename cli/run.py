"""`yachay run`."""

from pathlib import Path
from typing import TYPE_CHECKING

from . import frame, options
from .exit_status import ExitStatus
from .outcome import hints, new_summary, print_summary

if TYPE_CHECKING:
    from ..pipelines.runs.summary import Summary


@frame.command("run", new_summary, hints=hints)
@options.pipeline_argument
@options.data_option
@options.task_option
@options.profile_option
@options.pipeline_option
@options.tune_option
@options.trials_option
@options.minutes_option
@options.workdir_option
@options.config_option
@options.set_option
def command(
    output: "Summary",
    pipeline: str,
    data: str | None,
    task: str | None,
    profile: str | None,
    pipeline_name: str,
    tune: bool,
    trials: int | None,
    minutes: float | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> "tuple[Summary, ExitStatus]":
    """Run a pipeline on this machine, from data to pushed model.

    NAME is one of `yachay list`; PATH is a folder with a config.yaml. Without --data the profile
    `mock` is taken, whose records are synthetic. With --tune the model's family and hyperparameters are
    searched for before it is trained; see docs/tuning.md.
    """
    from ..pipelines.api import choose_task, load_for_run
    from ..pipelines.local.run import resolve_data, run_pipeline
    from ..pipelines.registry import find_pipeline
    from ..pipelines.runs.output import redirected_to

    output.pipeline = pipeline
    folder = find_pipeline(pipeline, config_path)
    overrides = (*overrides, *options.tuning_overrides(tune, trials, minutes))
    config = load_for_run(folder, overrides, profile, data, pipeline_name)
    output.pipeline, output.task = config.name, choose_task(config, task, overrides)
    config.check_pipeline(pipeline_name)
    data_uri = resolve_data(folder, config, data, pipeline_name)
    options.announce(config, output.task, config.for_task(output.task).model.family, data_uri)
    summary = run_pipeline(
        folder, config, output.task, data_uri, workdir, redirected_to, pipeline_name, owns_process=True
    )
    print_summary(summary)
    return summary, options.status_of(summary)
