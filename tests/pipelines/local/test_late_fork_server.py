"""When a run starts its fork server, and how it ends."""

import os
import sys
from pathlib import Path

import pytest

from yachay.fork_server import ADDRESS
from yachay.pipelines.local.runner import LateForkServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


def test_it_starts_once_and_only_before_an_executor_that_a_node_with_processes_follows() -> None:
    with LateForkServer() as server:
        server.ahead_of([])()
        assert ADDRESS not in os.environ
        before = server.ahead_of(["json"])
        assert ADDRESS not in os.environ

        before()
        address = os.environ[ADDRESS]
        before()
        assert os.environ[ADDRESS] == address

    assert ADDRESS not in os.environ
    assert not Path(address).exists()
