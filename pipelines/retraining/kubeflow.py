"""Retraining on Kubeflow Pipelines: decides, and starts a run of the training pipeline that was uploaded."""

import dataclasses
import datetime
import json
from collections.abc import Callable, Mapping
from typing import Any

from ...components.drift_monitor.labels import Labels
from ...components.drift_monitor.result import MonitorResult
from ...components.retraining.decision import Decision, Outcome, TrainingRun, decide
from ...components.retraining.labelled import LabelledRows
from ...components.retraining.settings import CANDIDATES
from ...components.retraining.state import RetrainState
from ...errors import UsageError
from ...model_store.location import open_store
from ...model_store.store import latest_push
from ..kubeflow.client.client import Client, KubeflowError
from .evidence import make_evidence, newest_labelled
from .settings import TriggerConfig

IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"
"""The API within a cluster, where nothing else is said."""

CLAIM_TIME = datetime.timedelta(minutes=10)
"""After which a claim of a run that the server does not know is of a caller that was killed."""

_OUTCOMES: Mapping[str, Outcome] = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELED": "failed",
    "SKIPPED": "failed",
}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a training runs, and on what.

    Args:
        client: `Client`.
        records_uri: string. The folder of the original records.
        experiment: string. Name of the experiment.
    """

    client: Client
    records_uri: str
    experiment: str = "Default"


def retrain(
    config: TriggerConfig,
    place: Place,
    result: MonitorResult,
    labels: Labels | None,
    say: Callable[[str], None],
    now: datetime.datetime | None = None,
) -> Decision:
    """Decides whether a training starts, and starts it; each decision is kept, and said as one line of JSON.

    Whether a run started is looked up by its name, which its number gives: a caller that was killed between its claim
    and the server's response loses no run, and none starts twice.

    Args:
        config: `TriggerConfig`.
        place: `Place`.
        result: `MonitorResult`.
        labels: `Labels` or None. Those that came since.
        say: function that prints a line.
        now: datetime with a time zone. Defaults to the clock's.

    Raises:
        UsageError: if the labelled rows are not below the records.
        KubeflowError: if the API rejects a request or does not respond.
        StoreError: if the state cannot be read or written.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    _check_place(config, place)
    # Before anything is claimed: the server must be there, and have the pipeline.
    training = _find_training(place.client, config.pipeline)
    experiment_id = place.client.create_experiment(place.experiment).experiment_id
    state, rows = RetrainState(config.retrain.labelled), LabelledRows(config.retrain.labelled)
    runs = [_looked_up(run, config, place, state, now) for run in state.runs()]
    count = rows.count() if labels is None else rows.add(result.log_uri, labels, config.task)
    push = latest_push(open_store(config.model_store, config.mount, config.endpoint_url))
    decision = decide(make_evidence(result, runs, count, push.version if push else 0), runs, config.retrain, now)
    if decision.starts:
        run = TrainingRun(decision.number, decision.window, now, decision.triggers, rows=count)
        if state.claim(run) is None:
            reason = "Another call has just started this run."
            decision = dataclasses.replace(decision, starts=False, number=0, reason=reason)
        else:
            decision = _start(run, decision, config, place, result, rows, state, (training, experiment_id))
    state.keep(decision)
    say(decision.to_json())
    return decision


def run_name(pipeline: str, number: int) -> str:
    """Returns the name of a run on the server, which has one such run at most."""
    return f"{pipeline} retraining {number:06d}"


def _start(
    run: TrainingRun,
    decision: Decision,
    config: TriggerConfig,
    place: Place,
    result: MonitorResult,
    rows: LabelledRows,
    state: RetrainState,
    ids: tuple[Mapping[str, str], str],
) -> Decision:
    training, experiment_id = ids
    # Of these the split holds a share out: twice as many, for chance.
    least_rows = 2 * config.retrain.min_champion_rows / config.task.split.eval_share
    newest = rows.newest(int(newest_labelled(result, least_rows).timestamp() * 1_000_000))
    arguments = {"data_uri": place.records_uri}
    if newest.num_rows:
        arguments["newest_uri"] = rows.write_newest(run.number, newest)
    if config.retrain.promote == "manual":
        arguments["model_store"] = f"{config.model_store}{CANDIDATES}"
    [own] = [one for one in state.runs() if one.number == run.number]
    if own.outcome != "claimed":  # This caller stalled for so long that another took it for one that was killed.
        return dataclasses.replace(decision, starts=False, number=0, reason="Another call has taken this run over.")
    try:
        started = place.client.run_pipeline(
            experiment_id, job_name=run_name(config.pipeline, run.number), params=arguments, **training
        )
    except KubeflowError as error:
        if not error.may_pass:
            state.note(dataclasses.replace(run, outcome="failed"))
        raise
    state.note(dataclasses.replace(run, outcome="running", run_id=started.run_id))
    return dataclasses.replace(decision, run_id=started.run_id, outcome="running")


def _looked_up(
    run: TrainingRun, config: TriggerConfig, place: Place, state: RetrainState, now: datetime.datetime
) -> TrainingRun:
    """Returns a run with what it came to, as far as the server knows."""
    if run.outcome not in ("claimed", "running"):
        return run
    if run.run_id:
        found = place.client.get_run(run.run_id)
    else:
        found = _find_run(place.client, run_name(config.pipeline, run.number))
    if found is not None:
        known = dataclasses.replace(run, run_id=found.run_id, outcome=_OUTCOMES.get(found.state, "running"))
    elif now - run.started > CLAIM_TIME:
        known = dataclasses.replace(run, outcome="interrupted")
    else:
        known = run
    if known != run:
        state.note(known)
    return known


def _find_training(client: Client, name: str) -> Mapping[str, str]:
    found = client.list_pipelines(filter=_named(name), namespace=client.get_user_namespace() or None).pipelines
    versions = (
        client.list_pipeline_versions(found[0].pipeline_id, sort_by="created_at desc", page_size=1).pipeline_versions
        if found
        else None
    )
    if not versions:
        raise UsageError(f"Expected the pipeline {name!r} on the server. Received: none. Upload it with yachay submit.")
    return {"pipeline_id": found[0].pipeline_id, "version_id": versions[0].pipeline_version_id}


def _find_run(client: Client, name: str) -> Any:
    runs = client.list_runs(filter=_named(name), namespace=client.get_user_namespace() or None).runs
    return runs[0] if runs else None


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "name", "string_value": name}]})


def _check_place(config: TriggerConfig, place: Place) -> None:
    if not place.records_uri or not config.retrain.labelled.startswith(f"{place.records_uri.rstrip('/')}/"):
        raise UsageError(
            f"Expected retrain.labelled to be a folder below the records {place.records_uri!r}: "
            f"the ingest of a training reads both. Received: {config.retrain.labelled or 'none'}. Name "
            "<records_uri>/labelled."
        )
