"""Processes that are forked: as `python -m` starts them, killed with whom they belong to."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from yachay.fork_server import ForkedProcess, ForkError, fork_process, fork_server

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
]

MODULES = {
    "slow": "import os, time; time.sleep(0.5); moment = time.time(); os.environ['SLOW'] = 'imported'",
    "threaded": "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "broken": "raise RuntimeError('no such library')",
    "shows": "import json, os, sys, tempfile, slow\n"
    "print(json.dumps({'name': __name__, 'arguments': sys.argv[1:], 'folder': os.getcwd(), 'path': sys.path[0], "
    "'environment': dict(os.environ), 'temporary': tempfile.gettempdir(), 'session': os.getsid(0) == os.getpid(), "
    "'imported': slow.moment}))\n"
    "print('on stderr', file=sys.stderr)\n"
    "sys.exit(int(sys.argv[1]))",
    "fails": "raise ValueError('no')",
    "waits": "import os, pathlib, sys, time\npathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\ntime.sleep(600)",
    "needs_broken": "import broken",
    "draws": "import numpy\nprint(numpy.random.random())",
    "ends_late": "import atexit, threading, time\n"
    "atexit.register(print, 'at exit')\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n",
    "leaves_a_process": "import multiprocessing, time\n"
    "def late(): time.sleep(0.2); print('process', flush=True)\n"
    "if __name__ == '__main__': multiprocessing.get_context('fork').Process(target=late).start()",
    "leaves": "import atexit, multiprocessing.util\natexit.register(print, 'of the server')",
}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture
def environment(code: Path, tmp_path: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(code), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "log", os.O_CREAT | os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def printed(log: int) -> list[str]:
    return os.pread(log, 1 << 20, 0).decode().splitlines()


def note_of(process: ForkedProcess, path: Path) -> int:
    while not (path.exists() and path.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    return int(path.read_text())


def wait_for_end(pid: int) -> None:
    status = Path(f"/proc/{pid}/stat")
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)


def test_processes_run_as_by_dash_m_and_share_what_was_imported(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    (tmp_path / "own").mkdir()
    own = {**environment, "TMPDIR": str(tmp_path / "own"), "AWS_REGION": "there"}

    with fork_server(["tempfile", "slow"], environment) as address:
        statuses = [
            fork_process(address, ["shows", str(number)], own, tmp_path / "own", log, ["slow"]).wait()
            for number in (0, 7)
        ]

    assert statuses == [0, 7]
    first, second = map(json.loads, [line for line in printed(log) if line != "on stderr"])
    assert printed(log).count("on stderr") == 2
    assert first["imported"] == second["imported"]
    assert (first["name"], first["arguments"], second["arguments"]) == ("__main__", ["0"], ["7"])
    assert first["folder"] == first["path"] == first["temporary"] == str(tmp_path / "own")
    assert first["environment"].items() >= {**own, "SLOW": "imported"}.items()
    assert first["session"]


def test_an_exception_is_printed_and_ends_with_1(environment: dict[str, str], tmp_path: Path, log: int) -> None:
    with fork_server([], environment) as address:
        assert fork_process(address, ["fails"], environment, tmp_path, log).wait() == 1

    assert printed(log)[-1] == "ValueError: no"


def test_a_module_that_cannot_be_imported_fails_in_the_process_that_needs_it(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    with fork_server(["broken"], environment) as address:
        assert fork_process(address, ["needs_broken"], environment, tmp_path, log).wait() == 1

    assert printed(log)[-1] == "RuntimeError: no such library"


def test_waiting_ends_after_its_time_and_a_signal_is_a_negative_status(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    with fork_server([], environment) as address:
        process = fork_process(address, ["waits", str(tmp_path / "pid")], environment, tmp_path, log)
        assert note_of(process, tmp_path / "pid") == process.pid
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
        assert process.poll() == -signal.SIGTERM


def test_a_process_ends_with_the_server(environment: dict[str, str], tmp_path: Path, log: int) -> None:
    with fork_server([], environment) as address:
        process = fork_process(address, ["waits", str(tmp_path / "pid")], environment, tmp_path, log)
        note_of(process, tmp_path / "pid")

    assert process.wait() == -signal.SIGKILL
    wait_for_end(process.pid)
    with pytest.raises(ForkError):
        fork_process(address, ["waits", str(tmp_path / "other")], environment, tmp_path, log)


@pytest.mark.parametrize("killed", ["asker", "owner"])
def test_a_process_ends_with_the_one_that_asked_for_it_and_with_the_owner_of_the_server(
    killed: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """The owner starts a server; a process of its own asks for another; either is killed."""
    asker = (
        "import os, pathlib, sys, time\n"
        "from yachay.fork_server import fork_process\n"
        "process = fork_process(sys.argv[1], ['waits', 'pid'], dict(os.environ), pathlib.Path.cwd(), 2)\n"
        "while not (os.path.exists('pid') and open('pid').read()): time.sleep(0.01)\n"
        "open('server', 'w').write(str(os.getppid()))\n"
        "if sys.argv[2] == 'asker': os.kill(os.getpid(), 9)\n"
        "process.wait()\n"
    )
    owner = (
        "import os, subprocess, sys, time\n"
        "from yachay.fork_server import fork_server\n"
        "with fork_server([], os.environ) as address:\n"
        "    process = subprocess.Popen([sys.executable, '-c', sys.argv[1], address, sys.argv[2]])\n"
        "    while not os.path.exists('server'): time.sleep(0.01)\n"
        "    if sys.argv[2] == 'owner': os.kill(os.getpid(), 9)\n"
        "    process.wait()\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", owner, asker, killed], cwd=tmp_path, env=environment) as process:
        while not (tmp_path / "server").exists():
            assert process.poll() is None
            time.sleep(0.01)
        wait_for_end(int((tmp_path / "pid").read_text()))
        process.kill()


def test_what_would_not_be_as_python_starts_it_is_not_forked(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    with fork_server([], environment) as address, pytest.raises(ForkError, match=r"differs .* in KERAS_BACKEND"):
        fork_process(address, ["shows", "0"], {**environment, "KERAS_BACKEND": "jax"}, tmp_path, log)
    with fork_server(["threaded"], environment) as address, pytest.raises(ForkError, match="a thread is at work"):
        fork_process(address, ["shows", "0"], environment, tmp_path, log, ["threaded"])


def test_a_variable_that_an_import_has_set_in_both_processes_makes_no_difference(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    with fork_server(["slow"], environment) as address:
        own = {**environment, "SLOW": "imported", "OMP_WAIT_POLICY": "passive"}
        assert fork_process(address, ["shows", "0"], own, tmp_path, log, ["slow"]).wait() == 0


def test_the_environment_may_be_the_servers_with_changes(environment: dict[str, str], tmp_path: Path, log: int) -> None:
    with fork_server(["slow"], {**environment, "KERAS_BACKEND": "jax", "AWS_REGION": "there"}) as address:
        changes = {"AWS_REGION": None, "YACHAY_OWN": "1"}
        assert fork_process(address, ["shows", "0"], changes, tmp_path, log, is_inherited=True).wait() == 0

    shown = json.loads(printed(log)[0])["environment"]
    assert (shown["KERAS_BACKEND"], shown["YACHAY_OWN"], "AWS_REGION" in shown) == ("jax", "1", False)


def test_the_folder_of_the_socket_is_this_users_alone() -> None:
    with fork_server([], os.environ) as address:
        folder = Path(address).parent
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.stat().st_uid == os.getuid()
    assert not folder.exists()


def test_a_process_can_be_killed_by_its_group_as_soon_as_it_is_known(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    with fork_server([], environment) as address:
        for number in range(10):
            process = fork_process(address, ["waits", str(tmp_path / str(number))], environment, tmp_path, log)
            os.killpg(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL


def test_the_server_goes_on_where_a_process_and_the_one_that_waits_for_it_end_at_once(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    with fork_server(["slow"], environment) as address:
        process = fork_process(address, ["fails"], environment, tmp_path, log)
        wait_for_end(process.pid)
        process._connection.close()  # While the server imports: it sees both ends at once.

        assert fork_process(address, ["fails"], environment, tmp_path, log).wait() == 1


def test_processes_do_not_draw_the_same_random_numbers(environment: dict[str, str], tmp_path: Path, log: int) -> None:
    with fork_server(["numpy.random"], environment) as address:
        for _ in range(2):
            assert fork_process(address, ["draws"], environment, tmp_path, log, ["numpy.random"]).wait() == 0

    first, second = printed(log)
    assert first != second


def test_a_process_ends_with_its_threads_its_processes_and_what_it_registered_for_its_exit(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    with fork_server(["leaves"], environment) as address:
        assert fork_process(address, ["ends_late"], environment, tmp_path, log, ["leaves"]).wait() == 0
        assert fork_process(address, ["leaves_a_process"], environment, tmp_path, log).wait() == 0

    assert printed(log) == ["thread", "at exit", "process"]


def test_a_path_without_the_working_folder_stays_as_it_is(
    environment: dict[str, str], tmp_path: Path, log: int
) -> None:
    safe = {**environment, "PYTHONSAFEPATH": "1"}
    with fork_server([], safe) as address:
        assert fork_process(address, ["shows", "0"], safe, tmp_path, log).wait() == 0

    assert json.loads(printed(log)[0])["path"] == environment["PYTHONPATH"].split(os.pathsep)[0]


def test_there_is_no_server_where_its_socket_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yachay.fork_server._SOCKETS", "/nowhere")
    with fork_server([], os.environ) as address:
        assert address == ""


def test_a_relative_path_of_modules_is_that_of_the_process_that_asks(
    environment: dict[str, str], code: Path, log: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(code.parent)
    environment["PYTHONPATH"] = environment["PYTHONPATH"].replace(str(code), code.name)
    (tmp_path / "elsewhere").mkdir()
    with fork_server(["slow"], environment) as address:
        process = fork_process(address, ["shows", "0"], environment, tmp_path / "elsewhere", log, ["slow"])
        assert process.wait() == 0
    assert json.loads(printed(log)[0])["imported"]


def test_a_server_that_does_not_reply_is_an_error(tmp_path: Path, log: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yachay.fork_server._REPLY_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "socket"))
        silent.listen()
        with pytest.raises(ForkError, match="timed out"):
            fork_process(str(tmp_path / "socket"), ["shows", "0"], {}, tmp_path, log)
