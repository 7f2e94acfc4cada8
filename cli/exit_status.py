"""The exit status of every command."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    REFUSED = 2
    NOT_BLESSED = 3
    ROLLED_BACK = 4
    INTERRUPTED = 130
