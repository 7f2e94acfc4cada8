"""Where the model lies that `yachay serve` serves and `yachay stream` predicts with."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..files import DEFAULT_WORKDIR

if TYPE_CHECKING:
    from ..pipelines.config.pipeline_config import PipelineConfig

BUCKET_POLL_SECONDS = 30


def find_model(
    model: str, task: str | None, config_path: Path | None, overrides: tuple[str, ...], workdir: Path
) -> tuple[str, list[str]]:
    """Returns the name to serve a model under, and the flags for where it lies.

    Args:
        model: string. A pipeline's name or folder, or where a model or a store of pushes lies.
        task: string or None. Of a pipeline.
        config_path: path or None. Of a pipeline's configuration.
        overrides: tuple of strings. Of a configuration.
        workdir: path. Where the runs are.

    Raises:
        UsageError: if there is none.
    """
    path = Path(model)
    if "://" in model or (path.is_dir() and not (path / "config.yaml").is_file()):
        for flag, given in (("--task", task), ("--config", config_path), ("--set", overrides)):
            if given:
                raise UsageError(f"Expected {flag} beside a pipeline. Received: beside a folder of models.")
        return "model", flags_for(model)
    from ..pipelines.api import choose_task
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(model, config_path).load(overrides)
    task = choose_task(config, task)
    return config.name.replace("_", "-"), store_flags(config, task, model, workdir)


def store_flags(config: "PipelineConfig", task: str, pipeline: str, workdir: Path) -> list[str]:
    """Returns the flags for the store of a pipeline: that of real records, or where it is empty of synthetic ones."""
    from ..model_store.location import open_store
    from ..model_store.store import latest_push
    from ..pipelines.config.pipeline_config import MOCK
    from ..pipelines.runs.run_folder import PipelineHome

    places = []
    mock = config.model_copy(update={"profile": MOCK})
    for one in (config, mock):
        name = one.pipeline_name(task)
        uri = config.push.store_of(name) or str(PipelineHome(workdir.absolute() / name).models_path)
        store = open_store(uri, config.push.mount, config.push.endpoint_url)
        if latest_push(store) is not None:
            if one is mock:
                click.secho("SYNTHETIC DATA: the model was trained on no real records.", err=True, bold=True)
            # A claim is served from where it is mounted.
            return flags_for(str(getattr(store, "path", uri)), config.push.endpoint_url)
        places.append(uri)
    raise UsageError(
        f"Expected a pushed model in {places[0]}. Received: none. Run "
        f"`{_command_that_pushes(config, task, pipeline, workdir)}` first."
    )


def _command_that_pushes(config: "PipelineConfig", task: str, pipeline: str, workdir: Path) -> str:
    parts = ["yachay run", pipeline, "--data FILE"]
    if task != config.default_task:
        parts.append(f"--task {task}")
    if str(workdir) != DEFAULT_WORKDIR:
        parts.append(f"--workdir {workdir}")
    return " ".join(parts)


def flags_for(place: str, endpoint_url: str = "") -> list[str]:
    """Returns the flags for a place."""
    flags = [f"--model_dir={place}"]
    if "://" in place:
        flags.append(f"--poll_seconds={BUCKET_POLL_SECONDS}")
    if endpoint_url:
        flags.append(f"--store_endpoint={endpoint_url}")
    return flags
