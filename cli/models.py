"""`yachay models`: list, show, diff, promote, retire."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from . import cluster_options, frame, options
from .exit_status import ExitStatus

if TYPE_CHECKING:
    from ..pipelines.config.pipeline_config import PipelineConfig
    from ..pipelines.models import Models, ModelVersion

_MAX_METRICS = 4

version_argument = click.argument("version", metavar="[VERSION]", required=False)
why_option = click.option("--why", required=True, metavar="TEXT", help="The reason, which is recorded.")
who_option = click.option("--who", metavar="NAME", default="", help="Who decided (default: the user of this machine).")


@click.group("models")
def command() -> None:
    """List, compare, promote and retire pushed models, from the model store and the registry."""


@frame.command("list", fields=["model", "store", "versions", "registry_problem"])
@options.pipeline_argument
@options.task_option
@options.profile_option
@options.workdir_option
@options.config_option
@options.set_option
def list_models(output: frame.Fields, pipeline: str, **given: Any) -> None:
    """List the pushed versions of a model: metrics, aliases, and where each is in service."""
    _, _, models = _open(pipeline, **given)
    versions, problem = models.versions()
    output.update(
        {
            "model": models.name,
            "store": models.store.uri,
            "versions": [one.to_json() for one in versions],
            "registry_problem": problem or None,
        }
    )
    if problem:
        click.echo(f"Warning: {problem}", err=True)
    if frame.is_json():
        return
    click.echo(f"{models.name}, {len(versions)} in {models.store.uri}")
    for one in versions:
        click.echo(_line(one))
        if one.problem:
            click.secho(f"  warning: {one.problem}", fg="red")


@frame.command("show", fields=["model", "metadata", "history"])
@options.pipeline_argument
@version_argument
@options.task_option
@options.profile_option
@options.workdir_option
@options.config_option
@options.set_option
def show(output: frame.Fields, pipeline: str, version: str | None, **given: Any) -> None:
    """Show one version: what it was made from, and what happened to it.

    VERSION is a number, 8 digits or more of a content hash, or an alias; the newest where it is left out.
    """
    _, _, models = _open(pipeline, **given)
    push = models.find(version)
    found, _ = models.versions()
    described = next(one for one in found if one.push.version == push.version)
    metadata, history = models.metadata(push), models.history(push.version)
    output.update(
        {
            "model": models.name,
            **described.to_json(),
            "metadata": metadata,
            "history": [vars(event) for event in history],
        }
    )
    if frame.is_json():
        return
    click.echo(_line(described))
    click.echo(f"  uri        {push.uri}")
    click.echo(f"  hash       {push.content_hash}")
    click.echo(f"  run        {push.run_id or 'not known'}, data {push.data_fingerprint or 'not known'}")
    click.echo(f"  family     {metadata.get('family', 'not known')}, {len(metadata.get('features', ()))} features")
    for event in history:
        where = f" to {event.environment}" if event.environment else ""
        click.echo(f"  {event.when}  {event.kind}{where} by {event.who}: {event.why}")


@frame.command("diff", fields=["first", "second", "metrics", "changed"])
@options.pipeline_argument
@click.argument("first", metavar="FIRST")
@click.argument("second", metavar="SECOND")
@options.task_option
@options.profile_option
@options.workdir_option
@options.config_option
@options.set_option
def diff(output: frame.Fields, pipeline: str, first: str, second: str, **given: Any) -> None:
    """Show what differs between two versions: metrics, data, family, hyperparameters, features."""
    _, _, models = _open(pipeline, **given)
    one, other = models.find(first), models.find(second)
    found = models.diff(one, other)
    output.update({"first": one.version, "second": other.version, **found})
    if frame.is_json():
        return
    click.echo(f"{'':<24} {one.version:>14} {other.version:>14}")
    for name, row in found["metrics"].items():
        change = "" if row["difference"] is None else f"  {row['difference']:+.4f}"
        click.echo(f"{name:<24} {_number(row['first']):>14} {_number(row['second']):>14}{change}")
    for name, row in found["changed"].items():
        click.echo(f"{name}: {row['first']} -> {row['second']}")


@frame.command("promote", fields=["model", "version", "environment", "alias", "replaced", "state", "deployment"])
@options.pipeline_argument
@version_argument
@click.option("--to", "environment", required=True, metavar="ENV", help="One of `registry.environments`.")
@why_option
@who_option
@click.option("--deploy/--no-deploy", "deploys", default=None, help="Deploy by KServe (default: the environment's).")
@options.task_option
@options.profile_option
@options.workdir_option
@options.config_option
@options.set_option
def promote(
    output: frame.Fields,
    pipeline: str,
    version: str | None,
    environment: str,
    why: str,
    who: str,
    deploys: bool | None,
    **given: Any,
) -> ExitStatus:
    """Put a version into service in an environment: copy it by its content hash, move the alias, record why.

    The same command again does only what is missing.
    """
    config, task, models = _open(pipeline, **given)
    done = models.promote(environment, version, why=why, who=who)
    output.update(
        {
            "model": models.name,
            "version": done.push.version,
            "environment": environment,
            "alias": done.alias,
            "replaced": done.replaced,
            "uri": done.push.uri,
            "content_hash": done.push.content_hash,
            "state": "promoted" if done.event else "unchanged",
            "registry_problem": done.problem or None,
        }
    )
    if not frame.is_json():
        what = "is now" if done.event else "was already"
        click.echo(f"{models.name} version {done.push.version} {what} {done.alias} in {environment}: {done.push.uri}")
    if done.problem:
        click.echo(
            f"Warning: the registry does not show this promotion: {done.problem} Run the same command again.", err=True
        )
    if config.registry.environments[environment].deploys if deploys is None else deploys:
        from ..pipelines.deployment import deploy_to

        outcome = deploy_to(config, task, environment, done.push, cluster_options.say)
        output["deployment"] = vars(outcome)
        cluster_options.print_outcome(models.name, outcome)
        if outcome.state not in ("promoted", "unchanged"):
            return ExitStatus.ROLLED_BACK
    return ExitStatus.FAILED if done.problem else ExitStatus.DONE


@frame.command("retire", fields=["model", "retired"])
@options.pipeline_argument
@version_argument
@click.option("--old", "is_old", is_flag=True, help="All that `registry.retention` does not keep.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Show which, and remove nothing.")
@why_option
@who_option
@options.task_option
@options.profile_option
@options.workdir_option
@options.config_option
@options.set_option
def retire(
    output: frame.Fields,
    pipeline: str,
    version: str | None,
    is_old: bool,
    is_dry: bool,
    why: str,
    who: str,
    **given: Any,
) -> None:
    """Remove pushed versions that are not in service, and record why."""
    if is_old == (version is not None):
        raise UsageError("Expected a VERSION or --old. Received: " + ("both." if is_old else "neither."))
    config, task, models = _open(pipeline, **given)
    from ..pipelines.deployment import served_hashes

    if is_old:
        pushes = models.outdated(served_hashes(config, task))
    else:
        pushes = [models.find(version)]
        if pushes[0].content_hash in served_hashes(config, task):
            raise UsageError(
                f"Expected a version that no cluster serves or could go back to. Received: {pushes[0].version}. Deploy "
                "another first, or remove the service."
            )
    output.update({"model": models.name, "retired": []})
    for push in pushes:
        if not is_dry:
            models.retire(push, why=why, who=who)
        output["retired"].append(push.version)
        if not frame.is_json():
            click.echo(f"{'would be retired' if is_dry else 'retired'}: {push.version}  {push.uri}")
    if not pushes and not frame.is_json():
        click.echo("Nothing to retire.")


for _command in (list_models, show, diff, promote, retire):
    command.add_command(_command)


def _open(
    pipeline: str,
    task: str | None,
    profile: str | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> "tuple[PipelineConfig, str, Models]":
    from ..pipelines.api import choose_task
    from ..pipelines.models import open_models
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides, profile or "")
    chosen = choose_task(config, task)
    return config, chosen, open_models(config, chosen, workdir)


def _line(one: "ModelVersion") -> str:
    metrics = list(one.push.blessing.get("metrics", {}).items())[:_MAX_METRICS]
    facts = ", ".join(f"{name} {value:.4f}" for name, value in metrics)
    where = f"  {', '.join(one.aliases)}" if one.aliases else ""
    serving = f"  in {', '.join(one.environments)}" if one.environments else ""
    registered = f"  registry {one.registered}" if one.registered else ""
    described = one.to_json()
    return (
        f"  {one.push.version}  {described['pushed'][:16]}  {one.push.content_hash[:12]}  {described['verdict']}  "
        f"{facts}{where}{serving}{registered}"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
