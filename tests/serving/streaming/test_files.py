from pathlib import Path

import pytest

from yachay.errors import UsageError
from yachay.serving.streaming import files
from yachay.serving.streaming.contract import Message
from yachay.serving.streaming.errors import StreamError
from yachay.serving.streaming.files import FileSink, FileSource


def open_source(path: Path, once: bool = True) -> FileSource:
    return FileSource(f"file:{path}", path, "test", once)


def values(source: FileSource, max_records: int = 100) -> list[bytes]:
    return [record.value for record in source.read(max_records, 0.0)]


def test_a_group_goes_on_behind_what_it_committed(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\nbb\n\nccc\nd")
    source = open_source(path)
    first = source.read(2, 0.0)
    source.commit()
    assert values(source, 2) == [b"ccc"]  # Of two lines one is empty.
    source.close()

    again = open_source(path)

    assert [record.value for record in first] == [b"a", b"bb"]
    assert len({record.id for record in first}) == 2
    assert [values(again), values(again)] == [[b"ccc"], [b"d"]]
    again.commit()
    assert values(again) == []
    assert again.is_at_end()


def test_a_line_that_is_being_written_is_read_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\nb")
    source = open_source(path, once=False)

    assert values(source) == [b"a"]
    assert values(source) == []
    with path.open("ab") as file:
        file.write(b"c\n")
    assert values(source) == [b"bc"]


def test_a_file_that_was_moved_away_is_read_to_its_end_and_then_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\n")
    source = open_source(path, once=False)
    assert values(source) == [b"a"]
    source.commit()
    with path.open("ab") as file:
        file.write(b"b\nlast")
    path.rename(tmp_path / "events.1")
    path.write_bytes(b"new\n")

    assert [values(source) for _ in range(4)] == [[b"b"], [b"last"], [], [b"new"]]
    source.commit()
    source.close()
    assert values(open_source(path)) == []


def test_another_file_under_the_name_is_an_error_with_the_fix(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\nb\n")
    source = open_source(path)
    values(source)
    source.commit()
    source.close()
    other = tmp_path / "other"
    other.write_bytes(b"c\n")
    other.replace(path)

    with pytest.raises(StreamError, match=r"Received: another\. Remove .*events\.jsonl\.test\.offset"):
        values(open_source(path))


def test_a_file_that_was_written_anew_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\nb")
    source = open_source(path)
    assert [values(source), values(source)] == [[b"a"], [b"b"]]
    source.commit()
    source.close()
    path.write_bytes(b"a\nb\nc\n")  # It has grown.
    source = open_source(path)
    assert values(source) == [b"c"]
    source.commit()
    source.close()

    path.write_bytes(b"one\ntwo\nthree\n")  # Longer, and with the number that the former one had.

    with pytest.raises(StreamError, match=r"Received: another\. Remove .*events\.jsonl\.test\.offset"):
        values(open_source(path))


def test_a_place_that_was_kept_without_a_hash_still_counts(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\nb\n")
    path.with_name("events.jsonl.test.offset").write_text(f'{{"inode": {path.stat().st_ino}, "offset": 2}}')

    assert values(open_source(path)) == [b"b"]


def test_a_file_that_is_emptied_while_it_is_followed_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\nb\n")
    source = open_source(path, once=False)
    values(source)
    source.commit()
    path.write_bytes(b"c\n")

    with pytest.raises(StreamError, match=r"longer than it was\. Received: another"):
        values(source)


def test_a_sink_never_touches_a_file_that_holds_something_else(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"name: a\nversion: 1")

    with pytest.raises(UsageError, match=r"config\.yaml to hold JSON lines, to which predictions are added"):
        FileSink(f"file:{path}", path)
    assert path.read_bytes() == b"name: a\nversion: 1"


def test_a_sink_removes_the_line_that_a_killed_process_left(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b"')

    sink = FileSink(f"file:{path}", path)
    sink.write([Message("1", "", b'{"c": 1}')])
    sink.close()

    assert path.read_bytes() == b'{"a": 1}\n{"c": 1}\n'


def test_no_file_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"to be a file of events, one a line\. Received: no such file"):
        open_source(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="Expected to write to"):
        FileSink("file:x", tmp_path / "no-folder" / "x")


def test_a_second_consumer_of_a_group_and_a_second_writer_of_a_file_are_errors(tmp_path: Path) -> None:
    path, out = tmp_path / "events.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(b"a\n")
    source, sink = open_source(path), FileSink("file:out", out)

    with pytest.raises(UsageError, match=r"the only one that reads .*events\.jsonl as test\. Received: another does"):
        open_source(path)
    with pytest.raises(UsageError, match=r"the only one that writes to .*out\.jsonl\. Received: another does"):
        FileSink("file:out", out)

    source.close()
    sink.close()
    assert values(open_source(path)) == [b"a"]
    FileSink("file:out", out).close()


def test_a_line_without_an_end_takes_no_more_memory_than_the_longest_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_READ_BYTES", 4)
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 10)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"a\n" + b"x" * 95 + b"\nb\nc")
    source = open_source(path)

    found = []
    for _ in range(40):
        found += source.read(100, 0.0)
        source.commit()
    assert source.is_at_end()
    source.close()

    assert [record.value for record in found] == [b"a", b"x" * 10, b"b", b"c"]
    assert [record.id.rpartition("/")[2] for record in found] == ["0", "2", "98", "100"]
    assert values(open_source(path)) == []
