"""Errors of the library. A message says what was expected, what came, and the mend.

- `YachayError(ValueError)`: the root; every error that a user can act on.
    - `DataError`: the data cannot be used as it is (carries the failures as data).
    - `ModelError`: a model cannot be trained, exported or pushed.
    - `ConfigurationError`: a configuration is refused before any work.
        - `CompileError`: a pipeline cannot be compiled; nothing is written.
        - `schemas.SchemaError`: a schema is unknown, cannot be read, or is not one.
    - `UsageError`: a command is refused before any work.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence

MAX_FAILURES_SHOWN = 10


class YachayError(ValueError):
    """The root of the library's errors."""


class DataError(YachayError):
    """The data cannot be used as it is.

    Args:
        message: string. What was expected, what came, and the mend.
        failures: sequence of strings. One line for each thing that is wrong; the message shows the first
            `MAX_FAILURES_SHOWN` of them. Defaults to none.
    """

    def __init__(self, message: str, failures: Sequence[str] = ()) -> None:
        self.failures = tuple(failures)
        lines = [message, *(f"  - {failure}" for failure in self.failures[:MAX_FAILURES_SHOWN])]
        if len(self.failures) > MAX_FAILURES_SHOWN:
            lines.append(f"  ... and {len(self.failures) - MAX_FAILURES_SHOWN} more")
        super().__init__("\n".join(lines))


class ModelError(YachayError):
    """A model cannot be trained, exported or pushed."""


class ConfigurationError(YachayError):
    """A configuration is refused before any work."""


class CompileError(ConfigurationError):
    """A pipeline cannot be compiled; nothing is written."""


class UsageError(YachayError):
    """A command is refused before any work."""


def suggestion(name: str, names: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """Returns `" Did you mean ...?"` with the nearest of the names, else one that begins so, else nothing.

    Args:
        name: string. What was received; upper and lower case are the same.
        names: iterable of strings. What is known.
        shown: function of a name to what is shown of it, such as a whole path. Defaults to the name.
    """
    folded = {known.casefold(): known for known in names}
    wanted = name.casefold()
    close = difflib.get_close_matches(wanted, folded, n=1)
    if not close and wanted:
        close = [known for known in folded if known.startswith(wanted)]
    if not close:
        return ""
    return f" Did you mean {shown(folded[close[0]])!r}?"
