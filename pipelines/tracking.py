"""What tracking takes from a configuration, and runs that end before their tracker."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..components.run_tracker.settings import TrackerConfig
from ..errors import ConfigurationError
from .config.pipeline_config import PipelineConfig

_GIT_SECONDS = 5


def model_name(config: PipelineConfig, task: str) -> str:
    """Returns the name of a task's registered model: `<pipeline>-<task>[-<profile>]`; names and tasks hold no `-`."""
    return "-".join(part for part in (config.name, task, config.profile) if part)


def find_uri(config: PipelineConfig) -> str:
    """Returns the address of the tracking server; empty where there is none.

    Raises:
        ConfigurationError: if it holds a password.
    """
    try:
        return config.tracking.find_uri()
    except ValueError as error:
        raise ConfigurationError(f"Invalid MLFLOW_TRACKING_URI: {error}.") from None


def tracker_config(
    config: PipelineConfig, task: str, pipeline: str, *, image: str = "", git_commit: str = "", spool: str = ""
) -> TrackerConfig | None:
    """Returns the settings of `RunTracker`, or None where nothing is tracked.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
        pipeline: string. Name of the pipeline among `pipelines` of the configuration.
        image: string. The container image of the step.
        git_commit: string.
        spool: string. Folder that keeps what cannot be sent.
    """
    uri = find_uri(config)
    if not uri:
        return None
    home = config.pipeline_name(task, pipeline)
    return TrackerConfig(
        uri=uri,
        experiment=config.tracking.experiment or home,
        pipeline=config.name,
        task=task,
        home=home,
        model_name=model_name(config, task),
        config_yaml=to_yaml(config),
        source=config.data.source,
        git_commit=git_commit,
        image=image,
        spool=spool,
        registry=config.registry,
        store_mount=config.push.mount,
        store_endpoint_url=config.push.endpoint_url,
    )


def to_yaml(config: PipelineConfig) -> str:
    """Returns a configuration with all of its fields."""
    return yaml.safe_dump(config.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)


def find_git_commit(folder: Path) -> str:
    """Returns the commit of a folder's files, with `-dirty` where one differs; else `GIT_COMMIT`, or nothing."""
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("GIT_COMMIT", "")
    return found.stdout.strip()


def track_unfinished(
    config: TrackerConfig, run_id: str, fields: Mapping[str, Any], error: BaseException, folder: Path
) -> dict[str, str]:
    """Sends a run of this machine that failed, and returns what that came to, for the summary.

    One that a person interrupts is kept in the spool: nobody wants to wait for a server then.

    Args:
        config: `TrackerConfig`.
        run_id: string.
        fields: mapping. Those of `Summary` as far as the run got.
        error: exception that ended it.
        folder: path of the run's folder.
    """
    # Imported here: a run that is not tracked does without.
    from ..components.run_tracker.deliver import deliver, keep
    from ..components.run_tracker.describe import describe_unfinished

    nodes = fields.get("nodes", [])
    is_interrupted = isinstance(error, KeyboardInterrupt)
    record = describe_unfinished(
        config,
        run_id,
        str(error) or type(error).__name__,
        is_interrupted=is_interrupted,
        metrics=fields.get("metrics"),
        seconds={node["id"]: node["seconds"] for node in nodes if node["state"] not in ("waiting", "cached")},
        failed_node=next((node["id"] for node in nodes if node["state"] in ("failed", "interrupted")), ""),
        data_fingerprint=fields.get("data_fingerprint") or "",
        files={name: str(folder / name) for name in ("config.yaml", "log.txt")},
    )
    spool = Path(config.spool)
    delivery = keep(record, spool, "the run was interrupted") if is_interrupted else deliver(record, spool)
    return delivery.to_summary()
