"""`yachay deploy`."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError, YachayError
from ..pipelines.registry import find_pipeline
from . import cluster_options, options
from .exit_status import ExitStatus

SETTINGS = {
    "mode": "deploy.mode",
    "cloud": "deploy.cloud",
    "gpu": "deploy.gpu",
    "image": "deploy.image",
    "prometheus": "deploy.canary.prometheus",
}
_STATUS = {"rolled_back": ExitStatus.ROLLED_BACK, "failed": ExitStatus.FAILED}


@click.command("deploy")
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
    "--output", type=click.Path(path_type=Path), help="Write the manifests into this folder and change nothing."
)
@click.option("--force-conflicts", "is_forced", is_flag=True, help="Take over fields that another manager set.")
@options.workdir_option
@options.config_option
@options.set_option
@options.json_option
def command(
    pipeline: str,
    task: str | None,
    model: str | None,
    receipt: Path | None,
    canary: str | None,
    namespace: str | None,
    context: str | None,
    is_dry: bool,
    output: Path | None,
    is_forced: bool,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
    **settings: str | None,
) -> ExitStatus:
    """Serve a pushed model by KServe, step by step; one that does worse is rolled back.

    Without --dry-run and --output the InferenceService is applied and followed until the model has all requests. What
    was left half-way is taken up where it stood.
    """
    answer: dict[str, Any] = {"state": None, "error": None}
    status = ExitStatus.DONE
    try:
        given = [f"{SETTINGS[name]}={value}" for name, value in settings.items() if value is not None]
        if canary is not None:
            given.append(f"deploy.canary.steps=[{canary}]")
        folder = find_pipeline(pipeline, config_path)
        config = folder.load((*overrides, *given))
        chosen = options.choose_task(config, task)
        if receipt is not None and model is None:
            raise UsageError("Expected --receipt beside --model. Received: --receipt alone.")

        from ..deployment.delivery import apply_runtime, write_manifests
        from ..manifests.render import render, to_yaml
        from ..pipelines.deployment import describe_service, find_push

        push = find_push(config, chosen, workdir, model, receipt)
        if is_dry or output is not None:
            service = describe_service(config, chosen, push, namespace or "default")
            documents = render(service)
            answer |= {"state": "rendered", "service": service.name, "documents": documents}
            if output is not None:
                answer["path"] = str(write_manifests(documents, output, service.name))
                click.echo(f"Written: {answer['path']}", err=True)
            elif not as_json:
                click.echo(to_yaml(documents), nl=False)
            return status
        from ..deployment.prometheus import Prometheus
        from ..deployment.rollout import deploy

        cluster = cluster_options.connect(namespace or config.deploy.namespace, context)
        service = dataclasses.replace(
            describe_service(config, chosen, push, cluster.namespace), namespace=cluster.namespace
        )
        answer |= {"service": service.name, "namespace": service.namespace, "storage_uri": push.uri}
        monitor = Prometheus.connect(config.deploy.canary.prometheus, config.deploy.canary.labels)
        apply_runtime(cluster, service, cluster_options.say)
        outcome = deploy(cluster, service, config.deploy.canary.plan(is_forced=is_forced), monitor, cluster_options.say)
        answer |= dataclasses.asdict(outcome)
        cluster_options.print_outcome(service.name, outcome)
        status = _STATUS.get(outcome.state, ExitStatus.DONE)
    except (YachayError, OSError, KeyboardInterrupt) as error:
        answer["error"] = str(error) or "Interrupted."
        status = options.report_error(error)
        if status is ExitStatus.INTERRUPTED and "service" in answer:
            click.echo("The same command goes on from where it stood; `yachay rollback` ends it.", err=True)
    finally:
        if as_json:
            click.echo(json.dumps(answer, indent=2))
    return status
