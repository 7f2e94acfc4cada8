"""TFX's operators of executors, made when an executor runs: what comes from the cache imports no executor."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ...components.tfx_api import base_executor_operator
from .executor_process import OPERATORS

Run = Callable[[Any, Any], Any]
"""Of an executor's specification and its `ExecutionInfo`, what returns its `ExecutorOutput`."""


class _LateOperator(base_executor_operator.BaseExecutorOperator):
    """Stands for an operator, whose constructor imports the executor."""

    SUPPORTED_EXECUTOR_SPEC_TYPE = tuple(OPERATORS)
    SUPPORTED_PLATFORM_CONFIG_TYPE = ()

    def __init__(self, *arguments: Any, run: Run, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._run = run

    def run_executor(self, execution_info: Any) -> Any:
        """Runs the executor."""
        return self._run(self._executor_spec, execution_info)


def late_operators(run: Run) -> Mapping[Any, Callable[..., _LateOperator]]:
    """Returns the operators by the type of an executor's specification.

    Args:
        run: function that runs an executor.
    """
    return dict.fromkeys(OPERATORS, functools.partial(_LateOperator, run=run))


def run_here(executor_spec: Any, execution_info: Any) -> Any:
    """Runs an executor in this process."""
    return OPERATORS[type(executor_spec)](executor_spec).run_executor(execution_info)
