"""`yachay deploy`."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from . import cluster_options, frame, options
from .exit_status import ExitStatus

if TYPE_CHECKING:
    from ..deployment.cluster import Cluster
    from ..deployment.order import Order

SETTINGS = {
    "mode": "deploy.mode",
    "cloud": "deploy.cloud",
    "gpu": "deploy.gpu",
    "image": "deploy.image",
    "prometheus": "deploy.canary.prometheus",
}
_STATUS = {
    "rolled_back": ExitStatus.ROLLED_BACK,
    "held": ExitStatus.ROLLED_BACK,
    "taken_over": ExitStatus.ROLLED_BACK,
    "failed": ExitStatus.FAILED,
}


def _hints(output: frame.Fields, error: BaseException) -> Iterator[str]:
    if isinstance(error, KeyboardInterrupt) and "service" in output:
        yield "The same command goes on from where it stood; `yachay rollback` ends it."


@frame.command("deploy", fields=["state"], hints=_hints)
@options.pipeline_argument
@options.task_option
@click.option("--model", metavar="URI", help="Push to serve, STORE/push-VERSION (default: the store's latest).")
@click.option(
    "--receipt",
    type=click.Path(path_type=Path),
    help="The push.json of --model, where the store cannot be read from here.",
)
@click.option(
    "--trusted-key",
    type=click.Path(path_type=Path),
    help="Public key by which the push must be signed (docs/pushing.md).",
)
@click.option("--image", metavar="IMAGE", help="The server's image by digest (default: deploy.image).")
@click.option("--mode", metavar="standard|knative", help="How KServe makes pods (default: deploy.mode, standard).")
@click.option("--cloud", metavar="gke|eks|aks|none", help="Whose node labels lead to a GPU (default: deploy.cloud).")
@click.option("--gpu", metavar="TYPE", help="Kind of GPU: l4, t4, a100, any (default: deploy.gpu, else CPUs).")
@click.option(
    "--canary", metavar="10,50,100", help="Shares of the requests, in per cent (default: deploy.canary.steps)."
)
@click.option(
    "--prometheus", metavar="URL", help="Prometheus that judges a canary (default: deploy.canary.prometheus)."
)
@cluster_options.namespace_option
@cluster_options.context_option
@click.option("--dry-run", "is_dry", is_flag=True, help="Print the manifests and change nothing; needs no cluster.")
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the manifests into this folder and change nothing.",
)
@click.option("--force-conflicts", "is_forced", is_flag=True, help="Take over fields that another manager set.")
@click.option("--detach", "is_detached", is_flag=True, help="Go on in the background of this machine.")
@click.option("--in-cluster", "is_in_cluster", is_flag=True, help="Let a Job of the cluster do it.")
@click.option(
    "--job-image",
    metavar="IMAGE",
    help="With --in-cluster: image of a pipeline's steps (default: kubeflow.image).",
)
@click.option(
    "--job-account",
    metavar="TEXT",
    default="yachay-deployer",
    show_default=True,
    help="With --in-cluster: its service account.",
)
@options.workdir_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    task: str | None,
    model: str | None,
    receipt: Path | None,
    trusted_key: Path | None,
    canary: str | None,
    namespace: str | None,
    context: str | None,
    is_dry: bool,
    folder: Path | None,
    is_forced: bool,
    is_detached: bool,
    is_in_cluster: bool,
    job_image: str | None,
    job_account: str,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    **settings: str | None,
) -> ExitStatus:
    """Serve a pushed model by KServe, step by step; one that does worse is rolled back.

    Without --dry-run and --output the InferenceService is applied and followed until the model has all requests. A
    rollout that was left half-way is resumed.
    """
    from ..deployment.delivery import write_manifests
    from ..deployment.order import Order
    from ..manifests.render import render, to_yaml
    from ..pipelines.api import choose_task
    from ..pipelines.deployment import describe_service, find_golden, find_push
    from ..pipelines.registry import find_pipeline

    given = [f"{SETTINGS[name]}={value}" for name, value in settings.items() if value is not None]
    if canary is not None:
        given.append(f"deploy.canary.steps=[{canary}]")
    config = find_pipeline(pipeline, config_path).load((*overrides, *given))
    chosen = choose_task(config, task)
    if receipt is not None and model is None:
        raise UsageError("Expected --receipt beside --model. Received: --receipt alone.")
    if is_detached and is_in_cluster:
        raise UsageError("Expected --detach or --in-cluster. Received: both. A Job needs no process of this machine.")
    push = find_push(config, chosen, workdir, model, receipt, trusted_key)
    if is_dry or folder is not None:
        service = describe_service(config, chosen, push, namespace or "default")
        documents = render(service)
        output.update({"state": "rendered", "service": service.name, "documents": documents})
        if folder is not None:
            output["path"] = str(write_manifests(documents, folder, service.name))
            click.echo(f"Written: {output['path']}", err=True)
        elif not frame.is_json():
            click.echo(to_yaml(documents), nl=False)
        return ExitStatus.DONE
    cluster = cluster_options.connect(namespace or config.deploy.namespace, context)
    service = dataclasses.replace(
        describe_service(config, chosen, push, cluster.namespace), namespace=cluster.namespace
    )
    output.update({"service": service.name, "namespace": service.namespace, "storage_uri": push.uri})
    order = Order(service, config.deploy.canary)
    if is_in_cluster:
        return _in_cluster(output, cluster, order, job_image or config.kubeflow.image, job_account, is_forced, pipeline)
    if is_detached:
        return _detached(output, cluster, order, workdir, context, is_forced, pipeline)
    outcome = order.run(
        cluster_options.say,
        context=context,
        is_forced=is_forced,
        golden=lambda: find_golden(config, push, receipt),
    )
    output.update(dataclasses.asdict(outcome))
    cluster_options.print_outcome(service.name, outcome)
    return _STATUS.get(outcome.state, ExitStatus.DONE)


def _in_cluster(
    output: frame.Fields,
    cluster: "Cluster",
    order: "Order",
    image: str | None,
    account: str,
    is_forced: bool,
    pipeline: str,
) -> ExitStatus:
    from ..deployment.job import start_job

    if not image:
        raise UsageError(
            "Expected --job-image NAME@sha256:DIGEST, an image of pipeline steps, or kubeflow.image in the "
            "configuration. Received: none."
        )
    order.check(cluster)
    name = start_job(cluster, order, image, account, is_forced=is_forced)
    output.update({"state": "started", "job": name})
    click.echo(f"Started: job/{name}", err=True)
    click.echo(f"  follow   kubectl --namespace {cluster.namespace} logs --follow job/{name}", err=True)
    _say_how_to_watch(order, pipeline)
    return ExitStatus.DONE


def _detached(
    output: frame.Fields,
    cluster: "Cluster",
    order: "Order",
    workdir: Path,
    context: str | None,
    is_forced: bool,
    pipeline: str,
) -> ExitStatus:
    from ..deployment.background import start_process

    order.check(cluster)
    service = order.service
    log = workdir.absolute() / service.name / "rollouts" / f"{service.model.version}.log"
    pid, status = start_process(order, log, context, is_forced=is_forced)
    output.update({"state": "started", "log": str(log), "pid": pid})
    click.echo(f"Started: process {pid}", err=True)
    click.echo(f"  follow   tail -f {log}", err=True)
    _say_how_to_watch(order, pipeline)
    if status is None:
        return ExitStatus.DONE
    output["state"] = "ended"
    click.echo(f"It has ended: {log.read_text(encoding='utf-8').splitlines()[-1]}", err=True)
    return ExitStatus(status) if status in (0, 2, 3) else ExitStatus.FAILED


def _say_how_to_watch(order: "Order", pipeline: str) -> None:
    click.echo(f"  result   yachay status {pipeline} --watch --version {order.service.model.version}", err=True)
    click.echo(f"  end it   yachay rollback {pipeline}", err=True)
