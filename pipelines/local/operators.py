"""TFX's operators of executors, made when an executor runs: what comes from the cache imports no executor."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ...components.tfx_api import (
    base_executor_operator,
    beam_executor_operator,
    executable_spec_pb2,
    python_executor_operator,
)


class _LateOperator(base_executor_operator.BaseExecutorOperator):
    """Stands for an operator, whose constructor imports the executor."""

    OPERATOR: type[Any]
    SUPPORTED_PLATFORM_CONFIG_TYPE = ()

    def __init__(self, *arguments: Any, before: Callable[[], None], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._before = before

    def run_executor(self, execution_info: Any) -> Any:
        """Runs the executor."""
        self._before()
        operator = self.OPERATOR(self._executor_spec, self._platform_config)
        operator.with_execution_watcher(self._execution_watcher_address)
        return operator.run_executor(execution_info)


class _LatePythonOperator(_LateOperator):
    OPERATOR = python_executor_operator.PythonExecutorOperator
    SUPPORTED_EXECUTOR_SPEC_TYPE = (executable_spec_pb2.PythonClassExecutableSpec,)


class _LateBeamOperator(_LateOperator):
    OPERATOR = beam_executor_operator.BeamExecutorOperator
    SUPPORTED_EXECUTOR_SPEC_TYPE = (executable_spec_pb2.BeamExecutableSpec,)


def late_operators(before: Callable[[], None]) -> Mapping[Any, Callable[..., _LateOperator]]:
    """Returns the operators by the type of an executor's specification.

    Args:
        before: function that is called before an executor runs.
    """
    return {
        executable_spec_pb2.PythonClassExecutableSpec: functools.partial(_LatePythonOperator, before=before),
        executable_spec_pb2.BeamExecutableSpec: functools.partial(_LateBeamOperator, before=before),
    }
