"""The exit status of every command."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command ends with; a model rolled back or held is as little in place as one that is not blessed."""

    DONE = 0
    FAILED = 1
    REJECTED = 2
    NOT_BLESSED = 3
    ROLLED_BACK = 3
    NOT_VERIFIED = 3
    DRIFT = 4
    INTERRUPTED = 130
    TERMINATED = 143
