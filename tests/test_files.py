import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from yachay.files import (
    SCRATCH_PREFIX,
    STAGING_PREFIX,
    atomic_entries,
    atomic_file,
    atomic_folder,
    remove_drafts,
    scratch_folder,
    write_atomically,
)


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_atomically(path, "old")
    with atomic_file(path, is_durable=True) as draft:
        draft.write_text("new ñ", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"

    assert path.read_text(encoding="utf-8") == "new ñ"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_atomically(path, b"old")

    def interrupted() -> None:
        with atomic_file(path) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_to_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "absent" / "report.json", "new")


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "stale").touch()

    with atomic_folder(folder) as draft:
        (draft / "fresh").touch()

    assert [path.name for path in folder.iterdir()] == ["fresh"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_draft_may_lie_in_another_folder(tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()

    with atomic_folder(tmp_path / "model", staging) as draft:
        assert draft.parent == staging
    assert (tmp_path / "model").is_dir()
    assert not list(staging.iterdir())


def test_entries_join_those_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    (tmp_path / "Split-train").mkdir()
    (tmp_path / "Split-train" / "stale").touch()

    with atomic_entries(tmp_path) as draft:
        (draft / "Split-train").mkdir()
        (draft / "summary.json").touch()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["Split-train", "kept", "summary.json"]
    assert not list((tmp_path / "Split-train").iterdir())


def test_entries_of_two_processes_do_not_mix(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_entries(tmp_path) as draft:
            (draft / "plan.json").touch()

    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    writer = threading.Thread(target=write)
    writer.start()
    writer.join(0.3)
    assert not (tmp_path / "plan.json").exists()
    os.close(other)
    writer.join(10)
    assert (tmp_path / "plan.json").exists()


def test_drafts_of_killed_processes_are_removed(tmp_path: Path) -> None:
    (tmp_path / f"{STAGING_PREFIX}push-1-abcd").mkdir()
    (tmp_path / f"{STAGING_PREFIX}a.json-abcd").touch()
    (tmp_path / "push-1").mkdir()

    remove_drafts(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["push-1"]


def test_a_scratch_folder_goes_and_takes_those_of_killed_processes_along(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from yachay.files import scratch_folder\n"
        "with scratch_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'kept').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    [left] = tmp_path.iterdir()

    with scratch_folder(tmp_path) as first, scratch_folder(tmp_path) as second:
        assert not left.exists()
        assert {first, second} == set(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_a_folder_of_another_that_has_no_lock_stays(tmp_path: Path) -> None:
    (tmp_path / "yachay-of-a-user").mkdir()
    with scratch_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["yachay-of-a-user"]


def test_what_killed_runs_and_pushes_leave_locked_is_no_scratch_folder(tmp_path: Path) -> None:
    for name in ("yachay-models", "yachay-runs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".lock").touch()
    with scratch_folder(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["yachay-models", "yachay-runs"]


def test_a_pipe_in_place_of_a_lock_holds_nobody_up(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as held:
        [lock] = held.iterdir()
        (tmp_path / f"{SCRATCH_PREFIX}of-another").mkdir()
        os.mkfifo(tmp_path / f"{SCRATCH_PREFIX}of-another" / lock.name)
        with scratch_folder(tmp_path):
            assert lock.exists()
