"""Executors by their dotted path, so that a component is wired without importing what its work needs.

EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")
"""

from tfx.dsl.components.base import base_executor, executor_spec

from ..dotted import import_callable


class _Path:
    def __init__(self, path: str) -> None:
        self._path = path
        self.extra_flags: list[str] = []

    @property
    def class_path(self) -> str:
        """The dotted path."""
        return self._path

    @property
    def executor_class(self) -> type[base_executor.BaseExecutor]:
        """The class, which is imported here."""
        found: type[base_executor.BaseExecutor] = import_callable(self._path, "the executor")
        return found


class ExecutorPath(_Path, executor_spec.ExecutorClassSpec):
    """TFX's `ExecutorClassSpec` of a dotted path.

    Args:
        path: string. `package.module.Executor`.
    """


class BeamExecutorPath(_Path, executor_spec.BeamExecutorSpec):
    """TFX's `BeamExecutorSpec` of a dotted path.

    Args:
        path: string. `package.module.Executor`.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.beam_pipeline_args: list[str] = []
