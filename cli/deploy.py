"""`yachay deploy`."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click

from ..errors import UsageError
from . import cluster_options, frame, options
from .exit_status import ExitStatus

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
@click.option("--image", metavar="IMAGE", help="The server's image by digest (default: deploy.image).")
@click.option("--mode", metavar="knative|standard", help="How KServe makes pods (default: deploy.mode).")
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
@options.workdir_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    task: str | None,
    model: str | None,
    receipt: Path | None,
    canary: str | None,
    namespace: str | None,
    context: str | None,
    is_dry: bool,
    folder: Path | None,
    is_forced: bool,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    **settings: str | None,
) -> ExitStatus:
    """Serve a pushed model by KServe, step by step; one that does worse is rolled back.

    Without --dry-run and --output the InferenceService is applied and followed until the model has all requests. A
    rollout that was left half-way is resumed.
    """
    from ..deployment.delivery import apply_runtime, write_manifests
    from ..deployment.prometheus import Prometheus
    from ..deployment.rollout import deploy
    from ..manifests.render import render, to_yaml
    from ..pipelines.api import choose_task
    from ..pipelines.deployment import describe_service, find_push
    from ..pipelines.registry import find_pipeline

    given = [f"{SETTINGS[name]}={value}" for name, value in settings.items() if value is not None]
    if canary is not None:
        given.append(f"deploy.canary.steps=[{canary}]")
    config = find_pipeline(pipeline, config_path).load((*overrides, *given))
    chosen = choose_task(config, task)
    if receipt is not None and model is None:
        raise UsageError("Expected --receipt beside --model. Received: --receipt alone.")
    push = find_push(config, chosen, workdir, model, receipt)
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
    monitor = Prometheus.connect(config.deploy.canary.prometheus, config.deploy.canary.labels)
    apply_runtime(cluster, service, cluster_options.say, is_forced=is_forced)
    outcome = deploy(cluster, service, config.deploy.canary, monitor, cluster_options.say, is_forced=is_forced)
    output.update(dataclasses.asdict(outcome))
    cluster_options.print_outcome(service.name, outcome)
    return _STATUS.get(outcome.state, ExitStatus.DONE)
