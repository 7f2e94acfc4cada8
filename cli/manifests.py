"""`yachay manifests`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import frame, options
from .deploy import SETTINGS

if TYPE_CHECKING:
    from ..manifests.overlay import Environment

FIELDS = ("pipeline", "service", "files")
"""What `--json` prints, whatever happens."""


@frame.command("manifests", fields=FIELDS)
@options.pipeline_argument
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@options.task_option
@click.option("--image", metavar="IMAGE", help="The server's image by digest (default: deploy.image).")
@click.option("--model", metavar="URI", help="Push to serve, STORE/push-VERSION (default: the store's latest).")
@click.option(
    "--receipt",
    type=click.Path(path_type=Path),
    help="The push.json of --model, where the store cannot be read from here.",
)
@click.option(
    "--environment", type=click.Choice(["dev", "staging", "production"]), default="production", show_default=True
)
@click.option("--mode", metavar="standard|knative", help="How KServe makes pods (default: deploy.mode, standard).")
@click.option("--cloud", metavar="gke|eks|aks|none", help="Whose node labels lead to a GPU (default: deploy.cloud).")
@click.option("--gpu", metavar="TYPE", help="Kind of GPU: l4, t4, a100, any (default: deploy.gpu, else CPUs).")
@click.option("--with", "added", metavar="COMPONENT", multiple=True, help="Add tls, prediction-log, ...; repeatable.")
@click.option(
    "--without", "left_out", metavar="COMPONENT", multiple=True, help="Leave out monitoring, ...; repeatable."
)
@click.option("--egress", metavar="CIDR", multiple=True, help="Addresses of the store, if they are known; repeatable.")
@click.option("--stream", "as_stream", is_flag=True, help="The consumer of stream.source in place of the service.")
@click.option("--monitor", "as_monitor", is_flag=True, help="`yachay monitor --follow` in place of the service.")
@click.option("--namespace", metavar="N", help="Namespace (default: deploy.namespace, else models).")
@options.profile_option
@options.workdir_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    folder: Path,
    task: str | None,
    model: str | None,
    receipt: Path | None,
    environment: "Environment",
    added: tuple[str, ...],
    left_out: tuple[str, ...],
    egress: tuple[str, ...],
    as_stream: bool,
    as_monitor: bool,
    namespace: str | None,
    profile: str | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    **settings: str | None,
) -> None:
    """Write the kustomize overlay of a pushed model's service, and the trees that it is put together of.

    FOLDER gets overlays/ENVIRONMENT, which `kubectl apply -k` takes; with --stream it gets streams/NAME, a Deployment
    of `yachay stream` that KEDA scales, with --monitor monitors/NAME, whose --image is the pipeline's (default:
    kubeflow.image). Keep it in git; each call replaces what it wrote.
    """
    from ..errors import UsageError
    from ..manifests.monitor import write_monitor
    from ..manifests.overlay import make_overlay, write_overlay
    from ..manifests.stream import write_stream
    from ..pipelines.api import choose_task
    from ..pipelines.deployment import describe_monitor, describe_service, describe_stream, find_push
    from ..pipelines.registry import find_pipeline

    given = [f"{SETTINGS[name]}={value}" for name, value in settings.items() if value is not None]
    if namespace is not None:
        given.append(f"deploy.namespace={namespace}")
    pipeline_folder = find_pipeline(pipeline, config_path)
    config = pipeline_folder.load((*overrides, *given), profile or "")
    output["pipeline"] = config.name
    chosen = choose_task(config, task)
    if as_stream and as_monitor:
        raise UsageError("Expected --stream or --monitor. Received: both. Call it twice.")
    if as_monitor:
        monitor = describe_monitor(pipeline_folder, config, chosen, settings["image"], "models")
        _written(output, monitor.name, write_monitor(monitor, folder), folder / "monitors" / monitor.name)
        return
    push = find_push(config, chosen, workdir, model, receipt)
    if as_stream:
        stream = describe_stream(config, chosen, push, "models")
        _written(output, stream.name, write_stream(stream, folder), folder / "streams" / stream.name)
        return
    service, components = make_overlay(
        describe_service(config, chosen, push, "models"), environment, added, left_out, bool(egress)
    )
    paths = write_overlay(service, components, environment, folder, egress)
    _written(output, service.name, paths, folder / "overlays" / environment)


def _written(output: frame.Fields, name: str, paths: Sequence[Path], place: Path) -> None:
    output.update({"service": name, "files": [str(path) for path in paths]})
    if not frame.is_json():
        click.echo(f"Written: {', '.join(output['files'])}")
        click.echo(f"Apply with: kubectl apply -k {place}")
