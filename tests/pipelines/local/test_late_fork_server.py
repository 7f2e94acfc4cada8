"""When a run starts its fork server, and how it ends."""

import os
import sys
from pathlib import Path

import pytest

from yachay.fork_server import ADDRESS
from yachay.pipelines.local.late_fork_server import LateForkServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


def test_it_starts_once_and_only_where_there_are_modules_to_import() -> None:
    with LateForkServer() as server:
        server.start([])
        assert ADDRESS not in os.environ

        server.start(["json"])
        address = os.environ[ADDRESS]
        server.start(["json"])
        assert os.environ[ADDRESS] == address

    assert ADDRESS not in os.environ
    assert not Path(address).exists()
