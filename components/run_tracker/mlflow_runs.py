"""Sends the record of a run to MLflow: a run that is there is completed, never doubled."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from .mlflow_server import TrackingError, asked, connect
from .record import Dataset, NestedRun, RunRecord

KEY = "yachay.key"
"""The tag that names a run, the same for each attempt to send it."""
SENT = "yachay.sent"
"""The tag of a run that was sent completely: the hash of its record."""

_PARENT = "mlflow.parentRunId"
_MAX_PARAMETER, _MAX_TAG, _MAX_DIGEST = 6000, 5000, 36
_MAX_METRICS, _MAX_PARAMETERS = 1000, 100
_NUM_TRIES = 5


@dataclasses.dataclass(frozen=True)
class Sent:
    """A run on the server.

    Args:
        run_id: string. MLflow's id.
        url: string. Its page.
        is_new: bool. Whether it was not there before, or not completely.
    """

    run_id: str
    url: str
    is_new: bool


def send_run(record: RunRecord) -> Sent:
    """Sends a run with its nested runs and files.

    What an interrupted attempt left is completed; a run that was sent completely stays as it is. MLflow has no key of
    its own for a run: of runs that two machines made at once, each sender keeps the same, and deletes its own other.

    Args:
        record: `RunRecord`.

    Raises:
        TrackingError: if the server rejects a request or does not respond.
    """
    uri = record.uri
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    with asked(uri):
        experiment = _experiment(client, record.experiment)
        for attempt in range(_NUM_TRIES):
            try:
                sent = _send_once(client, experiment, record)
            except MlflowException as error:
                # The run that it found was another sender's, who has just taken this or another one.
                if "deleted" not in str(error) or attempt == _NUM_TRIES - 1:
                    raise
                continue
            if sent is not None:
                break
        else:
            raise TrackingError(f"Expected one run {record.key} in {uri}. Received: several, of many senders at once.")
    return dataclasses.replace(sent, url=_url(uri, experiment, sent.run_id))


def find_sent(uri: str, experiment: str, key: str) -> Sent | None:
    """Returns a run that was sent completely, or None.

    Args:
        uri: string. Address of the server.
        experiment: string. Its name.
        key: string. See `RunRecord.key`.

    Raises:
        TrackingError: if the server rejects a request or does not respond.
    """
    client = connect(uri)
    with asked(uri):
        there = client.get_experiment_by_name(experiment)
        run = there and find_run(client, [there.experiment_id], key)
        if not run or SENT not in run.data.tags:
            return None
    return Sent(run.info.run_id, _url(uri, there.experiment_id, run.info.run_id), is_new=False)


def find_run(client: Any, experiments: Sequence[str], key: str) -> Any | None:
    """Returns the run of a key, or None. Of several that were made at once all take the same: one that was sent
    completely, of these the least by its id."""
    found = client.search_runs(experiments, f"tags.`{KEY}` = '{key}'", max_results=10)
    return min(found, key=lambda run: (SENT not in run.data.tags, run.info.run_id), default=None)


def _url(uri: str, experiment: str, run_id: str) -> str:
    return f"{uri}/#/experiments/{experiment}/runs/{run_id}" if uri.startswith("http") else uri


def _experiment(client: Any, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            # Else its page shows runs as those of language models.
            return str(client.create_experiment(name, tags={"mlflow.experimentKind": "custom_model_development"}))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # By another run in the meantime.
                raise
            found = client.get_experiment_by_name(name)
    return str(found.experiment_id)


def _send_once(client: Any, experiment: str, record: RunRecord) -> Sent | None:
    """Sends a run, or takes away what it made, and returns None, where another sender has made the one that stays."""
    digest = _digest(record)
    run, is_made = _find_or_create(client, experiment, record)
    run_id = run.info.run_id
    if run.data.tags.get(SENT) == digest:
        return Sent(run_id, "", is_new=False)
    _send(client, run_id, record)
    there = {} if is_made else _nested(client, experiment, run_id)
    for nested in record.nested:
        _send_nested(client, experiment, run_id, record, nested, there.get(nested.name))
    kept = find_run(client, [experiment], record.key)
    if kept is not None and kept.info.run_id != run_id:
        _delete(client, experiment, run_id)
        return None
    _again(client.set_tag, run_id, SENT, digest)
    client.set_terminated(run_id, record.status, record.end_ms)
    return Sent(run_id, "", is_new=True)


def _delete(client: Any, experiment: str, run_id: str) -> None:
    for own in (*_nested(client, experiment, run_id).values(), run_id):
        client.delete_run(own)


def _find_or_create(client: Any, experiment: str, record: RunRecord) -> tuple[Any, bool]:
    if (found := find_run(client, [experiment], record.key)) is not None:
        return found, False
    tags = {KEY: record.key, "mlflow.source.type": "JOB"}
    made = client.create_run(experiment, record.start_ms, tags, record.name)
    first = find_run(client, [experiment], record.key) or made
    if first.info.run_id == made.info.run_id:
        return made, True
    client.delete_run(made.info.run_id)
    return first, False


def _send(client: Any, run_id: str, record: RunRecord) -> None:
    tags = record.tags | ({"mlflow.note.content": record.note} if record.note else {})
    _log(client, run_id, record.parameters, record.metrics, tags, record.end_ms)
    if record.dataset is not None:
        _again(client.log_inputs, run_id, [_dataset_input(record.dataset)])
    for name, path in record.files.items():
        if Path(path).is_file():
            folder = str(PurePosixPath(name).parent)
            client.log_artifact(run_id, path, None if folder == "." else folder)


def _send_nested(
    client: Any, experiment: str, parent: str, record: RunRecord, nested: NestedRun, run_id: str | None
) -> None:
    if run_id is None:
        tags = {_PARENT: parent, KEY: f"{record.key}/{nested.name}", "mlflow.source.type": "JOB"}
        run_id = client.create_run(experiment, record.start_ms, tags, nested.name).info.run_id
    _log(client, str(run_id), nested.parameters, nested.metrics, nested.tags, record.end_ms)
    client.set_terminated(run_id, nested.status, record.end_ms)


def _nested(client: Any, experiment: str, parent: str) -> dict[str, str]:
    """Returns the ids of the nested runs that are there, by name."""
    found: dict[str, str] = {}
    token = None
    while True:
        page = client.search_runs([experiment], f"tags.`{_PARENT}` = '{parent}'", max_results=1000, page_token=token)
        found |= {run.info.run_name: run.info.run_id for run in page}
        token = page.token
        if not token:
            return found


def _log(
    client: Any,
    run_id: str,
    parameters: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    time_ms: int,
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    # The same time each time: what is sent twice is one value of the metric.
    of_metrics = [Metric(name, value, time_ms, 0) for name, value in metrics.items()]
    of_parameters = [Param(name, _cut(value, _MAX_PARAMETER)) for name, value in parameters.items()]
    of_tags = [RunTag(name, _cut(value, _MAX_TAG)) for name, value in tags.items()]
    for chunk in _chunks(of_parameters, _MAX_PARAMETERS):
        _again(client.log_batch, run_id, params=chunk)
    first, *others = [*_chunks(of_metrics, _MAX_METRICS - _MAX_PARAMETERS)] or [[]]
    _again(client.log_batch, run_id, metrics=first, tags=of_tags)
    for chunk in others:
        _again(client.log_batch, run_id, metrics=chunk)


def _again(request: Callable[..., Any], *arguments: Any, **named: Any) -> None:
    """Sends a request, twice where need be: of two that bring the same at once, MLflow rejects one."""
    from mlflow.exceptions import RestException

    try:
        request(*arguments, **named)
    except RestException:
        request(*arguments, **named)


def _dataset_input(dataset: Dataset) -> Any:
    from mlflow.data.http_dataset_source import HTTPDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag

    made = MetaDataset(HTTPDatasetSource(dataset.source), dataset.name, dataset.fingerprint[:_MAX_DIGEST])
    return DatasetInput(made._to_mlflow_entity(), [InputTag("mlflow.data.context", "training")])


def _digest(record: RunRecord) -> str:
    """Returns the hash of a record, which is the same from the spool."""
    content = record.model_dump_json(exclude={"files", "push", "uri", "registry"})
    return hashlib.sha256(content.encode()).hexdigest()


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
