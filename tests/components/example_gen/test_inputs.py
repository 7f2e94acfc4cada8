import os
import shutil

import pytest

from yachay.components.example_gen.inputs import resolve_input
from yachay.errors import DataError


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    (folder / "more").mkdir(parents=True)
    (folder / "a.csv").write_text("a")
    (folder / "more" / "b.csv").write_text("b")
    return folder


def test_a_file_a_folder_and_a_glob_resolve_to_files(raw):
    assert resolve_input(str(raw / "a.csv")).files == (raw / "a.csv",)
    assert resolve_input(str(raw)).files == (raw / "a.csv", raw / "more" / "b.csv")
    assert resolve_input(str(raw / "*.csv")).files == (raw / "a.csv",)
    assert resolve_input(str(raw / "**" / "*.csv")).files == (raw / "a.csv", raw / "more" / "b.csv")


def test_a_relative_pattern_resolves(raw, monkeypatch):
    monkeypatch.chdir(raw)
    assert resolve_input("*.csv").fingerprint == resolve_input(str(raw / "*.csv")).fingerprint


def test_a_name_with_brackets_is_a_name(raw):
    (raw / "a[1].csv").write_text("1")
    assert resolve_input(str(raw / "a[1].csv")).files == (raw / "a[1].csv",)


def test_hidden_files_of_a_folder_are_no_data(raw):
    before = resolve_input(str(raw))
    (raw / ".a.csv.swp").write_text("")
    (raw / "_SUCCESS").write_text("")
    assert resolve_input(str(raw)) == before


def test_touched_and_copied_data_has_the_same_fingerprint(raw, tmp_path):
    before = resolve_input(str(raw)).fingerprint
    os.utime(raw / "a.csv", (1, 1))
    shutil.copytree(raw, tmp_path / "copy")
    assert resolve_input(str(raw)).fingerprint == before
    assert resolve_input(str(tmp_path / "copy")).fingerprint == before


@pytest.mark.parametrize("change", ["content", "name", "new", "removed"])
def test_changed_data_has_another_fingerprint(raw, change):
    before = resolve_input(str(raw)).fingerprint
    times = (raw / "a.csv").stat()
    if change == "content":
        (raw / "a.csv").write_text("A")
        os.utime(raw / "a.csv", ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "name":
        (raw / "a.csv").rename(raw / "c.csv")
    elif change == "new":
        (raw / "c.csv").write_text("c")
    else:
        (raw / "a.csv").unlink()
    assert resolve_input(str(raw)).fingerprint != before


def test_data_in_a_bucket_is_rejected():
    with pytest.raises(
        DataError, match=r"data on this machine\. Received: gs://bucket/data\.csv\. Copy the files here"
    ):
        resolve_input("gs://bucket/data.csv")
