"""The fork server of a run, started once it will be of use."""

import contextlib
import os
from collections.abc import Sequence

from ...fork_server import ADDRESS, fork_server

PROCESS = "yachay.pipelines.local.executor_process"
"""The module of a process that an executor has of its own."""


class LateForkServer(contextlib.ExitStack):
    """A context in which a fork server can be started; its end ends the server."""

    def start(self, modules: Sequence[str]) -> None:
        """Starts the server where there are modules, and none is started yet; `ADDRESS` in the environment names it.

        Args:
            modules: sequence of strings. What it imports, in this order.
        """
        if modules and ADDRESS not in os.environ:
            address = self.enter_context(fork_server(modules, os.environ))
            if address:
                self.callback(os.environ.pop, ADDRESS)
                os.environ[ADDRESS] = address
