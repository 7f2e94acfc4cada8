"""`yachay evaluate`."""

from pathlib import Path
from typing import Any

import click

from ..errors import UsageError, suggestion
from . import frame, options


@frame.command("evaluate", fields=["pipeline", "task", "family", "log"])
@options.pipeline_argument
@options.data_option
@options.task_option
@options.profile_option
@click.option("--folds", type=click.IntRange(min=2), metavar="K", help="Number of folds (default: `evaluation.folds`).")
@click.option("--family", metavar="FAMILY", help="Model family (default: the configuration's).")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Folds at a time, as far as the memory allows (default: `evaluation.workers`, else what is soonest).",
)
@options.tune_option
@options.trials_option
@options.minutes_option
@options.workdir_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    data: str | None,
    task: str | None,
    profile: str | None,
    folds: int | None,
    family: str | None,
    workers: int | None,
    tune: bool,
    trials: int | None,
    minutes: float | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Cross-validate a pipeline's model family on its data.

    Folds are stratified; by group or time where the configuration splits so. Preprocessing and training are those of
    `yachay run`, on each fold's training part. The out-of-fold predictions are kept in the run folder. With --tune
    each fold has a search of its own, on its training part and with the whole budget: a nested cross-validation.
    """
    from ..components.trainer.family import family_choices
    from ..pipelines.api import choose_task, load_for_run
    from ..pipelines.columns import check_data
    from ..pipelines.local.run import resolve_data, write_mock_data
    from ..pipelines.registry import find_pipeline
    from ..pipelines.runs.output import redirected_to
    from ..pipelines.runs.run_folder import PipelineHome

    folder = find_pipeline(pipeline, config_path)
    overrides = (*overrides, *options.tuning_overrides(tune, trials, minutes))
    config = load_for_run(folder, overrides, profile, data)
    chosen_task = choose_task(config, task, overrides)
    num_folds = folds or config.evaluation.folds
    chosen_family = family or config.for_task(chosen_task).model.family
    families = family_choices(config.extensions)
    if family is not None and family not in families:
        raise UsageError(
            f"Expected --family to be one of {', '.join(families)}. Received: {family!r}.{suggestion(family, families)}"
        )
    output.update({"pipeline": config.name, "task": chosen_task, "family": chosen_family})
    data_uri = resolve_data(folder, config, data)
    schema_text = folder.schema_text(config)
    if data_uri:
        check_data(data_uri, folder.schema(config), config, chosen_task)
    options.announce(config, chosen_task, chosen_family, data_uri)
    home = PipelineHome(workdir.absolute() / config.pipeline_name(chosen_task))
    home.make()
    run = home.new_run()
    output["log"] = str(run.log_path)
    with redirected_to(run.log_path) as stderr:
        from ..components.cross_validator.folds import Fold
        from ..pipelines.cross_validation import cross_validate

        def say(fold: Fold) -> None:
            line = f"fold {fold.number}/{num_folds}  {_describe(fold.metrics)}  {fold.seconds:.1f} s"
            if fold.inner_score is not None:
                line += f"  inner {fold.inner_score:.4f}  {fold.family} {fold.hyperparameters}"
            print(line, file=stderr, flush=True)

        result = cross_validate(
            config,
            schema_text,
            chosen_task,
            data_uri or str(write_mock_data(config, home)),
            chosen_family,
            num_folds,
            run.path / "cross_validation",
            say,
            workers or config.evaluation.workers,
        )
    output.update(result.to_json())
    _print_result(result)


def _describe(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def _print_result(result: Any) -> None:
    lines = ["", f"{result.method}, {len(result.folds)} folds: mean and standard deviation over folds"]
    lines += [f"  {name:<10} {result.mean[name]:.4f} +- {result.deviation[name]:.4f}" for name in result.mean]
    if result.inner_score is not None:
        note = " (optimistic)" if result.is_optimistic else ""
        lines += ["", f"  {result.objective} that the searches expected  {result.inner_score:.4f}{note}"]
    lines += ["", f"  out-of-fold predictions  {result.predictions_path}"]
    if result.is_synthetic:
        lines.append(click.style("  SYNTHETIC DATA: these figures say nothing about real people.", bold=True))
    click.echo("\n".join(lines), err=True)
