"""One folder for all that a test run leaves in the system's temporary one: killed processes, TensorFlow and Beam do."""

import os
import shutil
import tempfile

import pytest

from yachay.deferred import let_threads_sleep

_FOLDER = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # A worker has the folder from the process that started it, which removes it when all have ended.
    let_threads_sleep()  # As the commands do.
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # Each worker has a core.
    # pytest keeps the folders of the last three runs where it always does.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    config.stash[_FOLDER] = tempfile.mkdtemp(prefix="yachay-tests-")
    os.environ["TMPDIR"] = tempfile.tempdir = config.stash[_FOLDER]


def pytest_unconfigure(config: pytest.Config) -> None:
    if _FOLDER in config.stash:
        shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)
