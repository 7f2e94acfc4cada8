import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from yachay.errors import UsageError
from yachay.pipelines.runs.run_folder import PipelineHome
from yachay.pipelines.runs.summary import Summary


def test_a_second_run_in_the_same_home_is_rejected_while_the_first_goes_on(tmp_path: Path) -> None:
    home = PipelineHome(tmp_path / "home")
    home.make()

    with home.locked(), pytest.raises(UsageError, match="one that is going on"), PipelineHome(home.path).locked():
        pass

    with home.locked():
        pass


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Path]:
    """A folder of somebody else's, seen by a user without privileges."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.geteuid() != 0:
        yield folder
        return
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_written_to_is_rejected(unprivileged: Path) -> None:
    with pytest.raises(UsageError, match=r"permission denied\. Choose another --workdir"):
        PipelineHome(unprivileged / "home").make()

    with pytest.raises(UsageError, match=r"permission denied\. Choose another --workdir"):
        PipelineHome(unprivileged).make()


CHATTER = """
import os, pathlib, sys
from yachay.pipelines.runs.output import redirected_to
with redirected_to(pathlib.Path(sys.argv[1])) as stderr:
    os.write(2, b"from C\\n")
    print("from Python")
    stderr.write("for the user\\n")
print("after")
"""


def test_chatter_goes_to_the_log_also_from_below_python(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"

    result = subprocess.run([sys.executable, "-c", CHATTER, str(log)], capture_output=True, text=True, check=True)

    assert log.read_text() == "from C\nfrom Python\n"
    assert result.stderr == "for the user\n"
    assert result.stdout == "after\n"


def test_numbers_that_json_does_not_know_are_null() -> None:
    assert '"auc_ovr": null' in Summary(metrics={"auc_ovr": float("nan")}).to_json()
