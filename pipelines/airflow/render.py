"""Writes the DAG of a configuration, and the module that it imports."""

from pathlib import Path

from ...errors import UsageError
from ...files import write_atomically
from ..config.pipeline_config import PipelineConfig
from ..kinds import KINDS, TRAINING
from ..schedules import read_schedule

MODULE = "yachay_kubeflow.py"

_TEMPLATE = '''"""{title}

Written by `yachay airflow`; write it anew when the configuration changes.
"""

import datetime

from airflow.sdk import Variable, dag, task
from yachay_kubeflow import KubeflowRunOperator, new_fingerprint

RECORDS = {records!r}
READ = {variable!r}
"""The variable that notes which records the last training has read."""


@dag(
    dag_id={dag_id!r},
    schedule={schedule},
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={{"retries": 2, "retry_delay": datetime.timedelta(minutes=5)}},
    tags=["yachay", {name!r}],
)
def lifecycle():
    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def new_data() -> str:
        return new_fingerprint(RECORDS, READ)

    @task
    def note_read(found: str) -> None:
        Variable.set(READ, found)

    found = new_data()
{tasks}

lifecycle()
'''

_AFTER_TRAINING = ', trigger_rule="none_failed"'


def write_dag(config: PipelineConfig, task: str, folder: Path) -> Path:
    """Writes the DAG of a task and the module `yachay_kubeflow`, each atomically, and returns the DAG's path.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
        folder: path. Airflow's folder of DAGs; made where it is absent.

    Raises:
        UsageError: if the configuration names no records in a store, or the folder cannot be written.
    """
    records = config.kubeflow.data_uri
    if not records or any(mark in records for mark in "*?[{"):
        raise UsageError(
            "Expected kubeflow.data_uri to be a file or folder of records, in which Airflow looks for new ones. "
            f"Received: {records or 'none'}. Name it in the configuration or by --set."
        )
    content = render_dag(config, task)
    path = folder / f"{config.pipeline_name(task)}.py".replace("--", "__").replace("-", "_")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / MODULE, Path(__file__).with_name(MODULE).read_bytes())
        write_atomically(path, content)
    except OSError as error:
        raise UsageError(
            f"Expected to write to {folder}. Received: {error.strerror}. Choose another --output."
        ) from None
    return path


def render_dag(config: PipelineConfig, task: str) -> str:
    """Returns the Python of a DAG: new data, training, then the pipelines that watch and predict.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
    """
    name = config.pipeline_name(task)
    kinds = [kind for kind in KINDS if kind != TRAINING and config.schedules.get(kind)]
    lines = [_run("training", config.pipeline_name(task), '{"data_uri": RECORDS}')]
    lines += [_run(kind, config.pipeline_name(task, kind), "{}", _AFTER_TRAINING) for kind in kinds]
    lines.append("    found >> training >> note_read(found)")
    if kinds:
        lines.append(f"    training >> {' >> '.join(kinds)}")
    schedule = config.schedules.get(TRAINING)
    return _TEMPLATE.format(
        title=(config.title or config.name).replace("\\", "").replace('"', "'"),
        records=_storage_uri(config.kubeflow.data_uri),
        variable=f"{name}-records",
        dag_id=name.replace("--", "__"),
        schedule="None" if schedule is None else _schedule(schedule),
        name=config.name,
        tasks="\n".join(lines),
    )


def _run(kind: str, pipeline: str, arguments: str, rule: str = "") -> str:
    return (
        f"    {kind} = KubeflowRunOperator(\n"
        f"        task_id={kind!r}, pipeline={pipeline!r}, arguments={arguments}{rule}\n"
        "    )"
    )


def _storage_uri(uri: str) -> str:
    """Returns a URI as Airflow's object storage names it: MinIO speaks S3."""
    return uri.replace("minio://", "s3://", 1) if "://" in uri else f"file://{uri}"


def _schedule(text: str) -> str:
    """Returns a schedule as Airflow takes it: a line of crontab, a preset, or a time between two runs."""
    if text.startswith("@every "):
        seconds = sum(
            float(number) * unit
            for number, unit in (
                (part[:-1], {"h": 3600, "m": 60, "s": 1}[part[-1]]) for part in _parts(text.removeprefix("@every "))
            )
        )
        return f"datetime.timedelta(seconds={seconds:g})"
    if text.startswith("@"):
        return repr({"@annually": "@yearly", "@midnight": "@daily"}.get(text, text))
    second, *fields = read_schedule(text).split()
    if second != "0":
        raise UsageError(f"Expected a schedule whose seconds are 0, for Airflow counts minutes. Received: {text!r}.")
    return repr(" ".join(fields).replace("?", "*"))


def _parts(text: str) -> list[str]:
    parts, number = [], ""
    for character in text:
        number += character
        if character in "hms":
            parts.append(number)
            number = ""
    return parts
