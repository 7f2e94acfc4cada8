"""Executors in processes that are forked from one that has their imports; this module is also what those run.

processes = ExecutorProcesses()
output = processes.run(executor_spec, execution_info)  # In a thread.
processes.end("Trainer")  # In another.
"""

import contextlib
import os
import pickle
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from absl import logging

from ...components.evaluation_report.timing import peak_bytes, start_peak
from ...components.tfx_api import (
    beam_executor_operator,
    executable_spec_pb2,
    execution_invocation_pb2,
    execution_result_pb2,
    portable_data_types,
    python_executor_operator,
)
from ...dotted import import_callable
from ...errors import RunError
from ...files import scratch_folder
from ...fork_server import ADDRESS, ForkedProcess, fork_process, working_folder
from ..errors import describe_error
from ..executor_modules import executor_modules

OPERATORS = {
    executable_spec_pb2.PythonClassExecutableSpec: python_executor_operator.PythonExecutorOperator,
    executable_spec_pb2.BeamExecutableSpec: beam_executor_operator.BeamExecutorOperator,
}
"""TFX's operators of executors, by the type of an executor's specification."""

_REQUEST, _REPLY = "request", "reply"
_STANDARD_ERROR = 2


class ExecutorError(RunError):
    """The process of an executor was killed, or failed with an error that cannot be carried to another process."""


class EndedError(RunError):
    """An executor was ended, for the run fails or is interrupted."""


class ExecutorProcesses:
    """The processes of the executors that run now.

    Attributes:
        peak_bytes: dict of node to the most memory that its process held; None where the system does not say it.
    """

    def __init__(self) -> None:
        self.peak_bytes: dict[str, int | None] = {}
        self._running: dict[str, ForkedProcess] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()

    def run(self, executor_spec: Any, execution_info: Any) -> Any:
        """Runs an executor and returns its `ExecutorOutput`; what it prints goes to this process's standard error.

        Args:
            executor_spec: `PythonClassExecutableSpec` or `BeamExecutableSpec`.
            execution_info: TFX `ExecutionInfo`.

        Raises:
            ForkError: if the process cannot be forked; nothing was done.
            ExecutorError: if the process is killed.
            EndedError: if `end` ends it.
            Exception: what the executor raises.
        """
        node, address = execution_info.pipeline_node.node_info.id, os.environ[ADDRESS]
        with scratch_folder() as folder:
            request = (
                type(executor_spec),
                executor_spec.SerializeToString(),
                execution_info.to_proto().SerializeToString(),
            )
            (folder / _REQUEST).write_bytes(pickle.dumps((sys.path, *request)))
            process = fork_process(
                address,
                [__name__, str(folder)],
                {ADDRESS: address},  # For what the executor itself starts.
                working_folder(),
                _STANDARD_ERROR,
                executor_modules([class_path(executor_spec)]),
                is_inherited=True,
            )
            with self._lock:
                self._running[node] = process
                is_ended = node in self._ended
            try:
                if is_ended:
                    _kill(process)
                status = process.wait()
            except BaseException:
                _kill(process)
                raise
            finally:
                with self._lock:
                    del self._running[node]
            if node in self._ended:
                raise EndedError(f"{node} was ended")
            reply = folder / _REPLY
            if not reply.exists():
                raise ExecutorError(
                    f"its process ended with the exit status {status}; -9 is what too little memory gives"
                )
            error, description, output, self.peak_bytes[node] = pickle.loads(reply.read_bytes())
        if description:
            raise _restored(error, description)
        return execution_result_pb2.ExecutorOutput.FromString(output)

    def end(self, node: str) -> None:
        """Ends the process of a node, with what it started, also where it has not started yet."""
        with self._lock:
            self._ended.add(node)
            if node in self._running:
                _kill(self._running[node])


def class_path(executor_spec: Any) -> str:
    """Returns the dotted path of an executor's class."""
    return str(getattr(executor_spec, "python_executor_spec", executor_spec).class_path)


def _kill(process: ForkedProcess) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _portable(error: BaseException) -> bytes:
    """Returns an error for another process; nothing where it would not be the same there."""
    try:
        content = pickle.dumps(error)
        copy = pickle.loads(content)
    except Exception:
        return b""
    return content if type(copy) is type(error) and str(copy) == str(error) else b""


def _restored(content: bytes, description: str) -> BaseException:
    """Returns an error of another process: itself, or what it says."""
    try:
        error = pickle.loads(content)
    except Exception:  # Nothing, or of a class that only that process has.
        error = None
    return error if isinstance(error, BaseException) else ExecutorError(description)


def main() -> None:
    """Runs the executor that a folder names, and writes there what it returned or raised."""
    folder = Path(sys.argv[1])
    sys.path[:], spec_type, spec, invocation = pickle.loads((folder / _REQUEST).read_bytes())
    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    start_peak()
    executor_spec = spec_type.FromString(spec)
    error, description, output = b"", "", b""
    try:
        import_callable(class_path(executor_spec), "the executor")  # Before its artifacts, whose classes it defines.
        message = execution_invocation_pb2.ExecutionInvocation.FromString(invocation)
        operator = OPERATORS[spec_type](executor_spec)
        output = operator.run_executor(portable_data_types.ExecutionInfo.from_proto(message)).SerializeToString()
    except BaseException as raised:
        error, description = _portable(raised), describe_error(raised)
        logging.exception("The executor failed")
    (folder / _REPLY).write_bytes(pickle.dumps((error, description, output, peak_bytes())))


if __name__ == "__main__":
    main()
