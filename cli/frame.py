"""The frame of every command: errors become an exit status, `--json` prints exactly one object, signals interrupt.

    @frame.command("status", fields=["state"])
    @options.pipeline_argument
    def command(output: Fields, pipeline: str) -> None:
        output["state"] = ...
        if not frame.is_json():
            click.echo(...)

What the command puts into `output` is printed with `--json` as far as it got, also after an error or for an invalid
option. A command whose work returns an object of its own returns `(object, status)`, and that is printed instead; where
the work fails, what the exception carries is (`errors.partial_result`). A command's module imports nothing heavy at its
top: what takes time is imported where it is used, so that `--help` does not wait for it.
"""

import json
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, Protocol, TypeAlias

import click

from ..errors import ConfigurationError, UsageError, YachayError, partial_result
from .exit_status import ExitStatus

JSON = "--json"

LINES = "\n\t"

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Output(Protocol):
    """What a command prints with `--json`."""

    error: str | None

    def to_json(self) -> str:
        """Returns one JSON object."""
        ...


Returned: TypeAlias = ExitStatus | tuple[Output, ExitStatus | None] | None
"""What a command's function returns: its exit status, None for done, or what it prints with `--json` beside it."""


class Fields(dict[str, Any]):
    """What a command without an object of its own prints with `--json`; it always has `error`."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__({**fields, "error": None})

    @property
    def error(self) -> str | None:
        """Why the command failed."""
        found: str | None = self["error"]
        return found

    @error.setter
    def error(self, message: str | None) -> None:
        self["error"] = message

    def to_json(self) -> str:
        """Returns one JSON object."""
        return json.dumps(self, indent=2)


class Terminated(KeyboardInterrupt):
    """The process was asked to end by a signal other than Ctrl-C's.

    Args:
        number: int. The signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"Interrupted by {signal.Signals(number).name}.")


class Frame(click.Command):
    """A command in its frame.

    Args:
        make_output: function that returns the command's `Output`.
        hints: function of the output and an error that returns lines to print below the error. Defaults to none.
        has_signals: bool. Whether the command handles signals itself. Defaults to False.
    """

    def __init__(
        self,
        *arguments: Any,
        make_output: Callable[[], Output],
        hints: Callable[[Any, BaseException], Iterable[str]] | None = None,
        has_signals: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self.make_output = make_output
        self._hints = hints
        self._has_signals = has_signals

    def invoke(self, ctx: click.Context) -> ExitStatus:
        """Runs the command and returns its exit status."""
        as_json = ctx.params.pop("as_json", False)
        output = self.make_output()
        ctx.obj = as_json
        try:
            with interruptible(not self._has_signals):
                returned = ctx.invoke(self.callback, output, **ctx.params) if self.callback else ExitStatus.DONE
            output, status = returned if isinstance(returned, tuple) else (output, returned)
        except (YachayError, OSError, KeyboardInterrupt) as error:
            if isinstance(error, BrokenPipeError):
                raise
            output = partial_result(error) or output
            output.error = output.error or describe(error)
            status = self._report(error, output)
        except Exception as error:
            output = partial_result(error) or output
            output.error = describe(error)
            if as_json:
                click.echo(output.to_json())
            raise
        if as_json:
            click.echo(output.to_json())
        return status or ExitStatus.DONE

    def _report(self, error: BaseException, output: Output) -> ExitStatus:
        status = status_of(error)
        is_interrupted = isinstance(error, KeyboardInterrupt)
        click.echo(output.error if is_interrupted else f"Error: {escape(describe(error), kept=LINES)}", err=True)
        log = getattr(output, "log", None)
        if log and not isinstance(error, UsageError) and not is_interrupted:
            click.echo(f"Log: {log}", err=True)
        for line in self._hints(output, error) if self._hints else ():
            click.echo(line, err=True)
        return status


def command(
    name: str,
    make_output: Callable[[], Output] | None = None,
    fields: Sequence[str] = (),
    has_json: bool = True,
    cls: type[Frame] = Frame,
    **settings: Any,
) -> Callable[[Callable[..., Returned]], Frame]:
    """Returns the decorator of a command's function: its first argument is the command's `Output`.

    Args:
        name: string.
        make_output: function that returns what `--json` prints; it may import what it needs. Defaults to `Fields`.
        fields: sequence of strings. Those that `Fields` has from the start, as null. Defaults to none.
        has_json: bool. Whether the command has `--json`. Defaults to True.
        cls: type. Defaults to `Frame`.
        settings: of `click.Command` and `Frame`.
    """

    def decorate(function: Callable[..., Returned]) -> Frame:
        made: Frame = click.command(
            name, cls=cls, make_output=make_output or (lambda: Fields(dict.fromkeys(fields))), **settings
        )(function)
        if has_json:
            help_text = "Print one JSON object on standard output."
            made.params.append(click.Option([JSON, "as_json"], is_flag=True, help=help_text))
        return made

    return decorate


def is_json() -> bool:
    """Returns whether the command that runs prints one JSON object, and nothing else, on standard output."""
    return bool(click.get_current_context().obj)


def escape(text: str, kept: str = "") -> str:
    """Returns a text as a terminal may show it: control characters, and those that turn its direction, as escapes.

    Args:
        text: string.
        kept: string. Characters that stay as they are. Defaults to none.
    """
    return _UNSAFE.sub(lambda one: one[0] if one[0] in kept else one[0].encode("unicode_escape").decode(), text)


def describe(error: BaseException) -> str:
    """Returns an error as a person reads it."""
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "Interrupted."
    if isinstance(error, YachayError):
        return str(error)
    from ..pipelines.errors import describe_error

    return describe_error(error)


def status_of(error: BaseException) -> ExitStatus:
    """Returns the exit status of a command that ended with an error."""
    if isinstance(error, KeyboardInterrupt):
        is_terminated = isinstance(error, Terminated) and error.number == signal.SIGTERM
        return ExitStatus.TERMINATED if is_terminated else ExitStatus.INTERRUPTED
    return ExitStatus.REJECTED if isinstance(error, UsageError | ConfigurationError) else ExitStatus.FAILED


def invalid_usage(error: click.ClickException) -> str:
    """Returns the JSON object of a command whose arguments are invalid, with all of its fields."""
    context = getattr(error, "ctx", None)
    made_by = getattr(context.command, "make_output", None) if context else None
    output: Output = made_by() if made_by else Fields({})
    output.error = error.format_message()
    return output.to_json()


@contextmanager
def interruptible(is_active: bool = True) -> Iterator[None]:
    """Makes SIGTERM and SIGHUP raise `Terminated`: nodes are marked, summaries written, child processes ended.

    Neither they nor Ctrl-C are lost where Python drops what is raised; see `Interruption`.
    """
    from ..pipelines.local.interruption import Interruption

    def interrupt(number: int, frame: FrameType | None) -> None:
        # A second one while the first is handled ends the process at once.
        signal.signal(number, signal.SIG_DFL)
        raise Terminated(number)

    numbers = [signal.SIGTERM, *([signal.SIGHUP] if os.name == "posix" else [])] if is_active else []
    try:
        kept = {number: signal.signal(number, interrupt) for number in numbers}
    except ValueError:  # Not in the main thread.
        kept = {}
    try:
        with Interruption().kept() if is_active else nullcontext():
            yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
