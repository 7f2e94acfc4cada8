"""Uploads a compiled pipeline and starts a run or a schedule of it."""

import contextlib
import dataclasses
import datetime
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kfp_server_api
from kfp.client.client import KF_PIPELINES_DEFAULT_EXPERIMENT_NAME, KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME

from ....errors import UsageError, carrying
from ...schedules import read_schedule
from ..spec.package import MAX_VERSION_NAME, Package
from .client import Client, KubeflowError, check_host, ui_link

MAX_PIPELINE_NAME = 128

_ACCOUNT = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclasses.dataclass(frozen=True)
class Order:
    """What to submit.

    Args:
        package: `Package`.
        host: string. URL of the server.
        pipeline: string. Name of the pipeline on the server.
        version: string or None. Name of the version; None takes the one that the content gives.
        experiment: string or None. Name of the experiment; None takes the environment's, or `Default`.
        pipeline_root: string or None. Where the run keeps its artifacts; None takes the server's.
        arguments: mapping of strings. Values of the pipeline's parameters.
        cron: string or None. Schedule of a recurring run; None starts one run now.
        run_name: string or None. Name of the run or of its schedule; None takes the version's.
        service_account: string or None. Kubernetes service account of all steps; None takes the server's default.
    """

    package: Package
    host: str
    pipeline: str
    version: str | None
    experiment: str | None
    pipeline_root: str | None
    arguments: Mapping[str, Any]
    cron: str | None
    run_name: str | None = None
    service_account: str | None = None


@dataclasses.dataclass
class Submission:
    """The result of an order, as far as it got."""

    pipeline: str | None = None
    pipeline_id: str | None = None
    version: str | None = None
    version_id: str | None = None
    run_id: str | None = None
    recurring_run_id: str | None = None
    state: str | None = None
    link: str | None = None
    error: str | None = None

    def to_json(self) -> str:
        """Returns the submission as one JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=2)


def make_order(
    package: Package,
    host: str,
    *,
    name: str | None = None,
    version: str | None = None,
    experiment: str | None = None,
    pipeline_root: str | None = None,
    assignments: Sequence[str] = (),
    schedule: str | None = None,
    run_name: str | None = None,
    service_account: str | None = None,
) -> Order:
    """Returns an order, checked as far as it can be without the server.

    Args:
        package: `Package`.
        host: string. URL of the server.
        name: string. Name of the pipeline on the server. Defaults to the package's own.
        version: string. Name of the version. Defaults to the one that the content gives.
        experiment: string. Name of the experiment. Defaults to the environment's, or `Default`.
        pipeline_root: string. Where the run keeps its artifacts. Defaults to the server's place.
        assignments: sequence of `"name=value"` strings. Defaults to none.
        schedule: string. Cron line or descriptor. Defaults to None, one run now.
        run_name: string. Name of the run, or of the schedule. Defaults to the version's, for a run with its time.
        service_account: string. Kubernetes service account of the steps. Defaults to the server's.

    Raises:
        UsageError: if a part of it is invalid.
    """
    for option, text, longest in (
        ("--name", name, MAX_PIPELINE_NAME),
        ("--version", version, MAX_VERSION_NAME),
        ("--run-name", run_name, MAX_PIPELINE_NAME),
    ):
        if text is not None and not (text.strip() and len(text) <= longest):
            raise UsageError(f"Expected {option} to have 1 to {longest} characters. Received: {text!r}.")
    if service_account is not None and not _ACCOUNT.fullmatch(service_account):
        raise UsageError(
            "Expected --service-account to name a service account of Kubernetes: lower-case letters, digits, '-' and "
            f"'.'. Received: {service_account!r}."
        )
    arguments = package.arguments(assignments)
    root = package.choose_root(pipeline_root, arguments)
    package.require(arguments)
    return Order(
        package=package,
        host=check_host(host),
        pipeline=name or package.name,
        version=version,
        experiment=experiment,
        pipeline_root=root,
        arguments=arguments,
        cron=None if schedule is None else read_schedule(schedule),
        run_name=run_name,
        service_account=service_account,
    )


def submit(client: Client, order: Order, say: Callable[[str], None]) -> Submission:
    """Uploads a pipeline unless it is there, starts its run or schedule, and returns what was made.

    Args:
        client: `Client`.
        order: `Order`.
        say: function that prints a line for the user.

    Raises:
        KubeflowError: if the server rejects it, is gone, or has other content under the version's name. It carries
            what was made: see `errors.partial_result`.
    """
    submission = Submission(order.pipeline, version=order.version or order.package.version_name(order.pipeline))
    with carrying(submission):
        _upload(client, order, submission, say)
        experiment = client.create_experiment(_experiment_name(order.experiment))
        if order.cron is None:
            _start_run(client, order, submission, experiment.experiment_id)
        else:
            _start_schedule(client, order, submission, experiment.experiment_id, say)
    return submission


def _experiment_name(name: str | None) -> str:
    named = name or os.environ.get(KF_PIPELINES_DEFAULT_EXPERIMENT_NAME)
    return os.environ.get(KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME) or named or "Default"


def _upload(client: Client, order: Order, submission: Submission, say: Callable[[str], None]) -> None:
    submission.pipeline_id = _find_pipeline(client, order.pipeline)
    version = None
    if is_new := submission.pipeline_id is None:
        # Not `upload_pipeline`: it names the first version after the pipeline.
        pipeline = kfp_server_api.V2beta1Pipeline(display_name=order.pipeline, namespace=_namespace(client))
        submission.pipeline_id = client.pipelines.pipeline_service_create_pipeline(pipeline).pipeline_id
    else:
        version = _find_version(client, submission)
    if version is None:
        try:
            version = client.upload_pipeline_version(
                str(order.package.path), submission.version, pipeline_id=submission.pipeline_id
            )
        except KubeflowError as error:
            if is_new and not error.may_pass:
                # An empty pipeline does no harm: the server's reason is what the user must see.
                with contextlib.suppress(KubeflowError):
                    client.delete_pipeline(submission.pipeline_id)
                    submission.pipeline_id = None
            raise
        say(f"{order.pipeline}: version {submission.version} uploaded")
    elif order.package.has_content(version.pipeline_spec):
        say(f"{order.pipeline}: version {submission.version} is there already")
    else:
        raise KubeflowError(
            f"Expected version {submission.version!r} of {order.pipeline!r} to be new, or to have the content of "
            f"{order.package.path}. Received: one with other content. Give another --version, or none."
        )
    submission.version_id = version.pipeline_version_id
    page = f"pipelines/details/{submission.pipeline_id}/version/{submission.version_id}"
    submission.link = ui_link(order.host, page)


def _find_pipeline(client: Client, name: str) -> str | None:
    found = client.list_pipelines(filter=_named(name), namespace=_namespace(client)).pipelines
    return found[0].pipeline_id if found else None


def _find_version(client: Client, submission: Submission) -> Any:
    found = client.list_pipeline_versions(submission.pipeline_id, filter=_named(submission.version or ""))
    return found.pipeline_versions[0] if found.pipeline_versions else None


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "name", "string_value": name}]})


def _namespace(client: Client) -> str | None:
    return client.get_user_namespace() or None


def _start_run(client: Client, order: Order, submission: Submission, experiment_id: str) -> None:
    started = datetime.datetime.now(datetime.UTC)
    run = client.run_pipeline(
        experiment_id,
        job_name=order.run_name or f"{submission.version} {started:%Y-%m-%d %H:%M:%S}",
        service_account=order.service_account,
        params=dict(order.arguments),
        pipeline_id=submission.pipeline_id,
        version_id=submission.version_id,
        pipeline_root=order.pipeline_root,
    )
    submission.run_id, submission.state = run.run_id, run.state
    submission.link = ui_link(order.host, f"runs/details/{run.run_id}")


def _start_schedule(
    client: Client, order: Order, submission: Submission, experiment_id: str, say: Callable[[str], None]
) -> None:
    active = _active_schedules(client, experiment_id, submission)
    same = next((schedule for schedule in active if _is_same(schedule, order, submission)), None)
    schedule = same or client.create_recurring_run(
        experiment_id,
        job_name=order.run_name or submission.version,
        service_account=order.service_account,
        cron_expression=order.cron,
        # A missed interval is not made up for: each run reads the data as they are when it runs.
        no_catchup=True,
        params=dict(order.arguments),
        pipeline_id=submission.pipeline_id,
        version_id=submission.version_id,
        pipeline_root=order.pipeline_root,
    )
    made = "there already" if same else "created"
    say(f"Schedule {made}: {order.cron} (seconds first; UTC unless the server says otherwise)")
    submission.recurring_run_id, submission.state = schedule.recurring_run_id, schedule.status
    submission.link = ui_link(order.host, f"recurringrun/details/{schedule.recurring_run_id}")
    for other in active:
        if other is not same:
            page = f"recurringrun/details/{other.recurring_run_id}"
            say(f"Warning: another schedule of this pipeline goes on: {ui_link(order.host, page)}")


def _active_schedules(client: Client, experiment_id: str, submission: Submission) -> list[Any]:
    schedules: list[Any] = []
    token = ""
    while True:
        page = client.list_recurring_runs(page_token=token, page_size=100, experiment_id=experiment_id)
        schedules += page.recurring_runs or []
        token = page.next_page_token
        if not token:
            break
    return [
        schedule
        for schedule in schedules
        if schedule.status == "ENABLED"
        and schedule.pipeline_version_reference
        and schedule.pipeline_version_reference.pipeline_id == submission.pipeline_id
    ]


def _is_same(schedule: Any, order: Order, submission: Submission) -> bool:
    runtime = schedule.runtime_config
    cron = schedule.trigger.cron_schedule if schedule.trigger else None
    return (
        schedule.pipeline_version_reference.pipeline_version_id == submission.version_id
        and (cron.cron if cron else None) == order.cron
        and ((runtime and runtime.parameters) or {}) == order.arguments
        and ((runtime and runtime.pipeline_root) or None) == order.pipeline_root
        # Where none is ordered, the server may have written its default.
        and order.service_account in (None, schedule.service_account)
    )
