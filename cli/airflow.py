"""`yachay airflow`."""

from pathlib import Path

import click

from . import frame, options


@frame.command("airflow", fields=["file", "dag"])
@options.pipeline_argument
@options.folder_option("Airflow's folder of DAGs.", is_required=True)
@options.task_option
@options.profile_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    folder: Path,
    task: str | None,
    profile: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Write the DAG of a configuration for Airflow 3.

    It looks for new records at `kubeflow.data_uri`, runs the training on Kubeflow Pipelines, and then those of its
    other pipelines that `schedules` names. Airflow's connection `yachay_kubeflow` holds the API's URL.
    """
    from ..pipelines.airflow.render import write_dag
    from ..pipelines.api import choose_task
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides, profile or "")
    path = write_dag(config, choose_task(config, task, overrides), folder)
    output.update({"file": str(path.absolute()), "dag": path.stem})
    click.echo(f"{path}: imports {path.parent / 'yachay_kubeflow.py'}", err=True)
