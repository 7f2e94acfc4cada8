"""The base of executors that work by arrays, and that may leave the work to one of TFX's that works by Beam."""

from tfx.dsl.components.base import base_beam_executor, base_executor


class ArrayExecutor(base_beam_executor.BaseBeamExecutor):
    """An executor that gets Beam's arguments in its context, to hand them on, and runs no Beam pipeline of its own.

    Args:
        context: `BaseBeamExecutor.Context`. Defaults to none.
    """

    def __init__(self, context: base_beam_executor.BaseBeamExecutor.Context | None = None) -> None:
        # Past that of `BaseBeamExecutor`, which completes Beam's arguments: it imports Beam for a second.
        base_executor.BaseExecutor.__init__(self, context)
