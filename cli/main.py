"""`yachay`: the lazy table of commands, and the exit status of each error."""

import importlib
import sys
from typing import Any

import click

from .. import __version__
from ..deferred import defer_imports, let_threads_sleep
from ..errors import suggestion
from ..fork_server import end_process
from . import frame
from .exit_status import ExitStatus

COMMANDS = {
    "airflow": "Write the DAG of a pipeline for Airflow.",
    "check": "Check a pipeline's configuration and data without running it.",
    "climate": "Analyse the climate of stations: normals, extremes, trends.",
    "compile": "Compile a pipeline for open-source Kubeflow Pipelines 2.",
    "dask": "Write a Dask cluster on Kubernetes for `prepare`.",
    "deploy": "Serve a pushed model by KServe, step by step, with rollback.",
    "evaluate": "Cross-validate a pipeline's model families on its data.",
    "land": "Land labelled events as spans of training data.",
    "list": "List the pipelines with their tasks and model families.",
    "manifests": "Write the kustomize overlay of a pushed model's service.",
    "models": "List, compare, promote and retire pushed models.",
    "monitor": "Judge a prediction log: drift, estimated and measured quality, by windows.",
    "new": "Write a pipeline for a data file: configuration, schema, README.",
    "predict": "Score files of records in bulk with a pushed model.",
    "prepare": "Prepare records too large for one process, with Dask.",
    "recommend": "Rank communities and divide a budget among interventions, from the last run.",
    "report": "Show where a run's evaluation page is; `report index`: a page of all runs.",
    "rollback": "Go back to the last good model, at once.",
    "run": "Run a pipeline on this machine, from data to pushed model.",
    "run-spec": "Run a compiled pipeline on this machine, step by step as a cluster would.",
    "serve": "Serve a pushed model with KServe's server, and each newer one once it is pushed.",
    "status": "Show which model a service serves and the result of its last rollout.",
    "stream": "Predict the events of a stream, Kafka or Kinesis or a file, each at least once.",
    "submit": "Upload a compiled pipeline to Kubeflow Pipelines and start it.",
    "track": "Send a run to MLflow that could not be sent when it ended.",
    "verify": "Ask what serves now the golden requests of its push.",
}


_USE_TFX = ("compile", "evaluate", "run", "run-spec")


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Returns a command, or None where there is none of the name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{cmd_name.replace('-', '_')}", __package__)
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command of the arguments; an unknown one is an error with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            known = ", ".join(sorted(COMMANDS))
            ctx.fail(f"Expected a command ({known}). Received: {args[0]!r}.{suggestion(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="yachay")
def cli() -> None:
    """TFX pipelines that run, can be read, and reach production.

    Exit status: 0 done; 1 failed; 2 invalid, nothing was done; 3 not blessed, or rolled back; 4 drift; 130
    interrupted; 143 terminated.
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with the status of what happened."""
    owns_process = arguments is None
    arguments = sys.argv[1:] if arguments is None else arguments
    let_threads_sleep()
    trains = bool(arguments) and (arguments[0] in _USE_TFX or "--retrain" in arguments)
    uses_tfx = trains and not {"-h", "--help"} & set(arguments)
    if uses_tfx:
        defer_imports()
    status = run(arguments)
    if owns_process and (uses_tfx or "pyarrow" in sys.modules):
        # Their threads of C++ have aborted a process that had done its work, while Python took them down.
        end_process(status)
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Returns the exit status of the command line with the given arguments."""
    try:
        status: Any = cli.main(args=arguments, prog_name="yachay", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        if frame.JSON in arguments:
            click.echo(frame.invalid_usage(error))
        return ExitStatus.REJECTED
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        return ExitStatus.FAILED
    return ExitStatus.DONE if status is None else int(status)


if __name__ == "__main__":
    main()
