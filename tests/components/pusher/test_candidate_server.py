"""What becomes of a server that is started on a candidate: processes that fail as servers do."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from yachay.components.pusher.candidate_server import candidate_server, free_port
from yachay.errors import ModelError
from yachay.fork_server import ADDRESS, fork_server

LISTENS = """
import http.server, sys, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]) if self.path == "/v2/models/candidate/ready" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
STARTS_ANOTHER = """
import subprocess, sys, pathlib, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""


def _is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_server_is_ready_when_it_says_so_and_is_stopped_at_the_end() -> None:
    port = free_port()

    with candidate_server([sys.executable, "-c", LISTENS, str(port), "200"], port) as server:
        server.wait_until_ready(60)
        server.check_alive()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_free_port_is_kept_from_others_until_a_server_names_it() -> None:
    port = free_port()

    with socket.socket() as other, pytest.raises(OSError, match="already in use"):
        other.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)):  # As servers do, with SO_REUSEADDR.
        pass


def test_a_server_that_is_never_ready_is_rejected_after_the_time() -> None:
    port = free_port()

    with (
        candidate_server([sys.executable, "-c", LISTENS, str(port), "503"], port) as server,
        pytest.raises(ModelError, match=r"ready within 0\.5 s \(push\.ready_seconds\)\. Received: not ready"),
    ):
        server.wait_until_ready(0.5)


def test_a_server_that_does_not_start_is_rejected_with_what_it_printed_last() -> None:
    code = "import sys; print('Error: no model here', file=sys.stderr); sys.exit(2)"

    with (
        candidate_server([sys.executable, "-c", code], free_port()) as server,
        pytest.raises(ModelError, match=r"Received: exit status 2\.\n  Error: no model here"),
    ):
        server.wait_until_ready(60)


def test_a_server_that_is_killed_is_rejected_with_the_signal() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"

    with (
        candidate_server([sys.executable, "-c", code], free_port()) as server,
        pytest.raises(ModelError, match="it was ended by SIGSEGV"),
    ):
        server.wait_until_ready(60)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_server_started_is_stopped_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    with candidate_server([sys.executable, "-c", STARTS_ANOTHER, str(note)], free_port()):
        while not (note.exists() and note.read_text()):
            time.sleep(0.02)

    child = int(note.read_text())
    while _is_alive(child):
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_push_that_is_killed_takes_its_server_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import os, pathlib, sys, time\n"
        "from yachay.components.pusher.candidate_server import candidate_server\n"
        "inner = 'import os, sys, time; open(sys.argv[1], \"w\").write(str(os.getpid())); time.sleep(600)'\n"
        "with candidate_server([sys.executable, '-c', inner, sys.argv[1]], 1):\n"
        "    while not (os.path.exists(sys.argv[1]) and open(sys.argv[1]).read()): time.sleep(0.02)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(note)], check=False)

    while _is_alive(int(note.read_text())):
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
def test_a_server_is_forked_where_a_fork_server_has_its_imports_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "listens.py").write_text(
        f"import os, pathlib\npathlib.Path('parent').write_text(str(os.getppid())){LISTENS}"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.chdir(tmp_path)
    port = free_port()

    with fork_server(["http.server"], os.environ) as address:
        monkeypatch.setenv(ADDRESS, address)
        with candidate_server([sys.executable, "-m", "listens", str(port), "200"], port) as server:
            server.wait_until_ready(60)

    assert int((tmp_path / "parent").read_text()) != os.getpid()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_server_starts_anew_where_the_fork_server_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "/nowhere")
    port = free_port()

    with candidate_server([sys.executable, "-m", "http.server", str(port)], port) as server:
        server.check_alive()


def test_a_token_of_this_environment_does_not_close_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YACHAY_SERVING_TOKEN", "secret")
    code = "import os, sys; sys.exit(7 if 'YACHAY_SERVING_TOKEN' in os.environ else 8)"

    with (
        candidate_server([sys.executable, "-c", code], free_port()) as server,
        pytest.raises(ModelError, match="exit status 8"),
    ):
        server.wait_until_ready(60)
