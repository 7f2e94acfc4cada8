"""`yachay dask`."""

from pathlib import Path

import click

from ..errors import UsageError
from . import frame, options

FIELDS = ("pipeline", "files", "scheduler")
"""What `--json` prints, whatever happens."""


@frame.command("dask", fields=FIELDS)
@options.pipeline_argument
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@click.option("--image", metavar="NAME@sha256:...", required=True, help="Image of the pipeline's steps, by digest.")
@click.option("--namespace", metavar="N", default="models", show_default=True)
@click.option("--min-workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N")
@click.option("--max-workers", type=click.IntRange(min=1), default=4, show_default=True, metavar="N")
@click.option("--memory", metavar="SIZE", default="2Gi", show_default=True, help="Of a worker.")
@click.option("--claim", metavar="NAME", help="Volume claim that all workers may write to, for what they prepare.")
@click.option("--mount-path", metavar="PATH", default="/data", show_default=True, help="Where it is mounted.")
@options.profile_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    folder: Path,
    image: str,
    namespace: str,
    min_workers: int,
    max_workers: int,
    memory: str,
    claim: str | None,
    mount_path: str,
    profile: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Write the Dask cluster on Kubernetes of a pipeline with `data.prepare`.

    FOLDER gets dask.yaml, for the Dask operator, and a kustomization.yaml. `kubectl apply -k FOLDER` applies them.
    """
    from ..files import write_atomically
    from ..manifests.dask import SCHEDULER_PORT, DaskCluster, render
    from ..manifests.render import to_yaml
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides, profile or "")
    if config.data.prepare is None:
        raise UsageError(
            f"Expected a pipeline with `data.prepare`. Received: {config.name}, which needs no Dask cluster."
        )
    cluster = DaskCluster(
        name=f"{config.name.replace('_', '-')}-dask", image=image, namespace=namespace, min_workers=min_workers,
        max_workers=max_workers, memory=memory, claim=claim, mount_path=mount_path,
    )  # fmt: skip
    files = {"dask.yaml": to_yaml(render(cluster))}
    files["kustomization.yaml"] = to_yaml(
        [{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": sorted(files)}]
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomically(folder / name, content)
    scheduler = f"tcp://{cluster.name}-scheduler.{namespace}:{SCHEDULER_PORT}"
    output.update({"pipeline": config.name, "files": [str(folder / name) for name in files], "scheduler": scheduler})
    if not frame.is_json():
        click.echo(f"Written: {', '.join(output['files'])}")
        click.echo(f"Prepare with: yachay prepare {pipeline} --dask-scheduler {scheduler} ...")
