"""`yachay verify`."""

from pathlib import Path

import click

from ..errors import ModelError, UsageError
from . import cluster_options, frame, options
from .exit_status import ExitStatus

_STATUS = {"ok": ExitStatus.DONE, "mismatch": ExitStatus.FAILED, "none": ExitStatus.NOT_VERIFIED}


@frame.command("verify", fields=["state"])
@options.pipeline_argument
@options.task_option
@click.option("--url", metavar="URL", help="Address to ask, such as http://127.0.0.1:8080; needs no cluster.")
@click.option("--host", metavar="NAME", help="Header Host of the requests to --url, where that is a gateway's address.")
@click.option("--name", "model_name", metavar="NAME", help="The model's name at --url (default: the service's).")
@click.option(
    "--receipt",
    type=click.Path(path_type=Path),
    help="The push.json, with golden.jsonl beside it, where the store cannot be read from here.",
)
@cluster_options.namespace_option
@cluster_options.context_option
@options.workdir_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    task: str | None,
    url: str | None,
    host: str | None,
    model_name: str | None,
    receipt: Path | None,
    namespace: str | None,
    context: str | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> ExitStatus:
    """Ask what serves now the golden requests of its push, and compare what it predicts with what the model did.

    Exit status: 0 where it predicts the same, 1 where not, 3 where the push has no golden requests (`push.golden`).
    """
    from ..deployment.backend import Address, Target, serving_backend
    from ..deployment.cluster import INFERENCE_SERVICE
    from ..deployment.golden_gate import GoldenError, UnreachableError, ask_golden
    from ..deployment.server_version import server_version
    from ..manifests.render import read_serving
    from ..pipelines.api import choose_task
    from ..pipelines.deployment import find_golden, find_push, service_name, store_uri
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides)
    chosen = choose_task(config, task)
    name = service_name(config, chosen)
    if url is None and (host or model_name):
        raise UsageError("Expected --host and --name beside --url. Received: no --url. Add it, or leave them out.")
    if url is not None:
        target: Target = Address(url.rstrip("/"), host)
        name = model_name or name
        uri = f"{store_uri(config, chosen, workdir)}/push-{server_version(target, name)}"
    else:
        cluster = cluster_options.connect(namespace or config.deploy.namespace, context)
        live = cluster.get(INFERENCE_SERVICE, name)
        serving = read_serving(live) if live else None
        if live is None or serving is None:
            raise UsageError(
                f"Expected an InferenceService {name} in the namespace {cluster.namespace}, deployed from here. "
                f"Received: {'none' if live is None else 'one of other origin'}. Deploy it: yachay deploy {pipeline}; "
                "or name the address of a server: --url."
            )
        target, uri = serving_backend(cluster, live), serving.storage_uri
    push = find_push(config, chosen, workdir, uri, receipt)
    golden = find_golden(config, push, receipt)
    output.update({"service": name, "version": push.version, "asked": target.url, "requests": len(golden)})
    state, reason = "ok", ""
    if not golden:
        state, reason = "none", f"the push {push.uri} has no golden requests (push.golden)"
    else:
        try:
            ask_golden(target, name, golden, has_gpu=config.deploy.gpu is not None)
        except GoldenError as difference:
            state, reason = "mismatch", str(difference)
        except UnreachableError as obstacle:
            raise ModelError(
                f"Expected {target.url} to respond. Received: {obstacle}. Call from a pod of the cluster, or name an "
                "address that is reached from here: --url."
            ) from None
    output.update({"state": state, "reason": reason})
    if not frame.is_json():
        color = {"ok": "green", "mismatch": "red"}.get(state)
        click.secho(f"{state.upper()}: {name}, version {push.version}", fg=color, bold=True)
        click.echo(f"  requests   {len(golden)}")
        if reason:
            click.echo(f"  reason     {reason}")
    return _STATUS[state]
