"""A real PostgreSQL server in a process of its own, run by the user `postgres` where this one is root.

Its programs are those of the folder that `YACHAY_POSTGRES` names, which that user must be able to read, else the newest
of Debian's packages.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from yachay.components.pusher.candidate_server import free_port

USER = "postgres"


@contextmanager
def postgres_server(least_version: int = 0) -> Iterator[str]:
    """Runs a server and gives the URI of its database `mlflow`; skips the test where none is installed."""
    programs, port = _find_programs(least_version), free_port()
    as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="yachay-postgres-", dir="/tmp"))
    try:
        if as_user:
            shutil.chown(folder, USER)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
        data = str(folder / "data")
        subprocess.run([*as_user, str(programs / "initdb"), "-D", data, "-U", USER, "-A", "trust"], check=True, **quiet)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        start = [*as_user, str(programs / "pg_ctl"), "-D", data, "-w", "-t", "120", "-o", options, "start"]
        subprocess.run(start, check=True, **quiet)
        try:
            create = [str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, "mlflow"]
            subprocess.run(create, check=True, **quiet)
            yield f"postgresql+psycopg2://{USER}@127.0.0.1:{port}/mlflow"
        finally:
            subprocess.run([*as_user, str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_programs(least_version: int) -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if named := os.environ.get("YACHAY_POSTGRES"):
        found.append(Path(named))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install --no-install-recommends postgresql")
    version = subprocess.run([found[-1] / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.split()[2].partition(".")[0]) < least_version:
        pytest.skip(f"PostgreSQL {least_version} is not installed: YACHAY_POSTGRES names no folder of its programs")
    return found[-1]
