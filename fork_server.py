"""Processes without the seconds of their imports: a server imports once, and each process is forked from it.

    with fork_server(["tensorflow"], os.environ) as address:  # It imports while other work goes on.
        process = fork_process(address, ["yachay.serving", "--port=8080"], environment, folder, log)
        process.wait()

A process is as `python -m MODULE ARGUMENTS` would start it, with an environment, a folder and a log of its own, but for
what was imported. It leads a session. It is killed with what it started, as the server is, when the process that asked
for it ends, however that ends. For Linux; a server forks only while no other thread of its is at work, for none
survives a fork.
"""

import atexit
import collections
import contextlib
import ctypes
import dataclasses
import functools
import gc
import importlib
import json
import logging
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .errors import YachayError
from .files import scratch_folder

logger = logging.getLogger(__name__)

ADDRESS = "YACHAY_FORK_SERVER"
"""The variable of the environment that names the server that a process may use."""

_PER_PROCESS = {"CUDA_VISIBLE_DEVICES", "HOME", "LC_CTYPE", "TMPDIR"}
_PER_PROCESS_PREFIXES = ("AWS_", "KFP_", "YACHAY_")
"""Variables that no import reads; a process that differs from the server in others is not forked. The interpreter
itself may set LC_CTYPE."""

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_LENGTH_BYTES = 8
_SOCKETS = Path("/tmp")  # Not TMPDIR: the path of a socket has 108 characters.
_NUM_LOOKS, _LOOK_SECONDS = 20, 0.01
_REPLY_SECONDS = 120
"""How long the server may take until it has forked: it may have to import first."""


class ForkError(YachayError):
    """There is no such server, or it does not fork this process: start it anew."""


@contextlib.contextmanager
def fork_server(modules: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """Starts a server that imports modules in their order, and kills it and its processes at the end.

    Between two imports it forks what it was asked for; what it cannot import is left to the processes.

    Args:
        modules: sequence of strings. Dotted paths.
        environment: mapping. Of the server.

    Yields:
        string. Its address, for `fork_process`; empty on a system other than Linux, or where `/tmp` cannot be written.
    """
    if sys.platform != "linux":
        yield ""
        return
    with contextlib.ExitStack() as stack:
        try:
            # Only this user may enter the folder, and so connect.
            folder = stack.enter_context(scratch_folder(_SOCKETS))
        except OSError as error:
            logger.warning("Processes start anew, none is forked: %s", error)
            yield ""
            return
        address = str(folder / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(listener.fileno()), str(os.getpid()), *modules],
                cwd=folder,
                env=_with_absolute_paths(environment),
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            yield address
        finally:
            process.kill()
            process.wait()


def fork_process(
    address: str,
    command: Sequence[str],
    environment: Mapping[str, str | None],
    folder: Path,
    log: int,
    modules: Sequence[str] = (),
    *,
    is_inherited: bool = False,
) -> "ForkedProcess":
    """Starts a process.

    Args:
        address: string. Of the server.
        command: sequence of strings. The module that runs as `__main__`, and its arguments.
        environment: mapping. All of its environment; or what differs in it from the server's, None for a variable that
            it lacks.
        folder: path. Its working folder.
        log: int. File descriptor that takes what it prints.
        modules: sequence of strings. What the server imports before, if it will at all. Defaults to none.
        is_inherited: bool. Whether the rest of the environment is the server's, as it was started. Defaults to False.

    Raises:
        ForkError: if the server is gone, does not reply in time, or does not fork it.
    """
    process = {"command": list(command), "environment": _with_absolute_paths(environment), "folder": str(folder)}
    request = {"process": process, "modules": list(modules), "is_inherited": is_inherited}
    content = json.dumps(request).encode()
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_REPLY_SECONDS)
    try:
        connection.connect(address)
        socket.send_fds(connection, [len(content).to_bytes(_LENGTH_BYTES)], [log])
        connection.sendall(content)
        reply = json.loads(_read_line(connection) or '{"reason": "the server has ended"}')
    except OSError as error:
        connection.close()
        raise ForkError(str(error)) from None
    if "reason" in reply:
        connection.close()
        raise ForkError(reply["reason"])
    connection.settimeout(None)
    return ForkedProcess(connection, reply["pid"])


def working_folder() -> Path:
    """Returns the folder in which this process works.

    Raises:
        ForkError: if it was removed: no other process can start there.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ForkError("the working folder was removed") from None


def _with_absolute_paths(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an environment for another working folder: PYTHONPATH may be relative to this one."""
    paths = environment.get("PYTHONPATH")
    if not paths:
        return dict(environment)
    return {**environment, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, paths.split(os.pathsep)))}


class ForkedProcess:
    """A process that was forked; of the methods of `subprocess.Popen` those that wait for it.

    Args:
        connection: socket. To the server, which kills the process where it is closed.
        pid: int.
    """

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection

    def poll(self) -> int | None:
        """Returns the exit status; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end and returns the exit status, negative for a signal.

        Args:
            timeout: float or None. In seconds.

        Raises:
            subprocess.TimeoutExpired: if it has not ended by then.
        """
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._connection, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            # A server that was killed has taken it along.
            line = _read_line(self._connection)
            self.returncode = json.loads(line)["status"] if line else -signal.SIGKILL
            self._connection.close()
        return self.returncode


@dataclasses.dataclass(frozen=True)
class _Child:
    pid: int
    descriptor: int
    connection: socket.socket


class _Server:
    def __init__(self, listener: socket.socket, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._listener, self._modules, self._environment = listener, collections.deque(modules), environment
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._children: list[_Child] = []

    def serve(self) -> Callable[[], NoReturn]:
        """Serves without end; in a process that was forked, returns what that is to run."""
        while True:
            ready = self._selector.select(0 if self._modules else None)
            for key, _ in ready:
                run: Callable[[], NoReturn] | None = key.data()
                if run is not None:
                    return run
            if self._modules and not ready:
                self._import(self._modules[0])

    def _import(self, name: str) -> None:
        self._modules.remove(name)
        try:
            module = importlib.import_module(name)
            # A package whose import is deferred is imported when it is asked for a name.
            getattr(module, "__version__", None)
        except Exception:
            self._modules.clear()
        gc.collect()
        gc.freeze()  # A collection in a process would copy the pages of all objects.

    def _accept(self) -> Callable[[], NoReturn] | None:
        connection, _ = self._listener.accept()
        with contextlib.suppress(OSError, ValueError):
            header, [log], _, _ = socket.recv_fds(connection, _LENGTH_BYTES, 1)
            request = json.loads(_read(connection, int.from_bytes(header)))
            for module in request["modules"]:
                if module in self._modules:
                    self._import(module)
            process = request["process"]
            inherited = self._environment if request["is_inherited"] else {}
            environment = {**inherited, **process["environment"]}
            process["environment"] = {name: value for name, value in environment.items() if value is not None}
            if not (reason := self._why_not(process["environment"])):
                return self._fork(process, connection, log)
            _reply(connection, reason=reason)
            os.close(log)
        connection.close()
        return None

    def _why_not(self, environment: Mapping[str, str]) -> str:
        # An import may have set a variable in either process.
        names = {
            name
            for name in environment.keys() | self._environment.keys()
            if environment.get(name) not in (self._environment.get(name), os.environ.get(name))
        }
        names = {name for name in names - _PER_PROCESS if not name.startswith(_PER_PROCESS_PREFIXES)}
        if names:
            return f"its environment differs from the server's in {', '.join(sorted(names))}"
        return "" if _is_quiet() else "a thread is at work in the server"

    def _fork(self, process: Any, connection: socket.socket, log: int) -> Callable[[], NoReturn] | None:
        server = os.getpid()
        is_leader, leads = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(is_leader)
            for child in self._children:
                child.connection.close()
                os.close(child.descriptor)
            for one in (self._selector, self._listener, connection):
                one.close()
            _end_with(server)
            os.setsid()
            os.close(leads)
            # What imports have set, they would set in a process of its own too.
            process["environment"] |= dict(os.environ.items() - self._environment.items())
            return functools.partial(_run, **process, log=log)
        os.close(log)
        # Until it leads its session, no signal reaches it by the number of its group.
        os.close(leads)
        os.read(is_leader, 1)
        os.close(is_leader)
        child = _Child(pid, os.pidfd_open(pid), connection)
        self._children.append(child)
        self._selector.register(child.descriptor, selectors.EVENT_READ, lambda: self._end(child))
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._kill(child))
        _reply(connection, pid=pid)
        return None

    def _kill(self, child: _Child) -> None:
        """Kills a process that nobody waits for any more."""
        if child not in self._children:  # It ended at the same time.
            return
        self._selector.unregister(child.connection)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def _end(self, child: _Child) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # With what it started, as long as the number is its own.
        _, status = os.waitpid(child.pid, 0)
        self._selector.unregister(child.descriptor)
        os.close(child.descriptor)
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.connection)
        _reply(child.connection, status=os.waitstatus_to_exitcode(status))
        child.connection.close()
        self._children.remove(child)


def _run(command: Sequence[str], environment: Mapping[str, str], folder: str, log: int) -> NoReturn:
    """Runs a module as `python -m` does and ends the process."""
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # The server's, where an import asked for it.
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # As Python's own `random` does: else all would draw the same numbers.
    atexit._clear()  # The server's, for what it made.
    if "multiprocessing.util" in sys.modules:
        atexit.register(sys.modules["multiprocessing.util"]._exit_function)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    module, *arguments = command
    status: Any = 0
    try:
        os.chdir(folder)
        if not sys.flags.safe_path:
            sys.path[0] = folder
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    end_process(status or 0)


def end_process(status: int) -> NoReturn:
    """Ends this process as Python does, without taking its objects and C libraries down.

    Those of TensorFlow take a second or two, and in a process that was forked may wait for threads of the server.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def _end_with(parent: int) -> None:
    """Has the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _is_quiet() -> bool:
    """Returns whether no thread but this one can hold a lock.

    The threads that imports start, of OpenBLAS and jemalloc, wait for work and are started anew in a process.
    """
    if threading.active_count() > 1:
        return False
    others = [task for task in Path("/proc/self/task").iterdir() if int(task.name) != threading.get_native_id()]
    for _ in range(_NUM_LOOKS):
        states = {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in others}
        if states <= {"S"}:
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def _reply(connection: socket.socket, **fields: Any) -> None:
    with contextlib.suppress(OSError):  # It has ended meanwhile.
        connection.sendall(json.dumps(fields).encode() + b"\n")


def _read(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise ConnectionResetError("the connection was closed")
        content += part
    return content


def _read_line(connection: socket.socket) -> bytes:
    """Returns the next line, or nothing where the connection is closed."""
    line = b""
    with contextlib.suppress(ConnectionResetError):
        while not line.endswith(b"\n"):
            line += _read(connection, 1)
    return line


def main(arguments: Sequence[str]) -> NoReturn:
    """Runs a server: on the socket of a file descriptor, for a process, with modules to import."""
    environment = dict(os.environ)
    from .deferred import defer_imports

    descriptor, parent, *modules = arguments
    _end_with(int(parent))
    os.close(os.pidfd_open(os.getpid()))  # It ends here where the kernel has none, before it forks anything.
    # Read when scikit-learn is loaded: threads of OpenMP that spin while they wait take the processor from others.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    defer_imports()
    run = _Server(socket.socket(fileno=int(descriptor)), modules, environment).serve()
    run()


if __name__ == "__main__":
    main(sys.argv[1:])
