"""Which files a pattern names, and the fingerprint of their contents."""

import glob
import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError, suggestion
from ..access import unreadable

HIDDEN_PREFIXES = (".", "_")


@dataclass(frozen=True)
class MatchedFiles:
    """The files of an input pattern.

    Args:
        matches: tuple of paths. The files or folders that the pattern matches, sorted.
        files: tuple of paths. Every file at or below the matches, sorted; files and folders whose name starts with
            `.` or `_` inside a folder are no data.
        span: int. The number at `{SPAN}` (or the day of `{YYYY}{MM}{DD}`, since 1970-01-01), 0 where there is none.
        version: int or `None`. The number at `{VERSION}`.
        base: path. The pattern's fixed part.
    """

    matches: tuple[Path, ...]
    files: tuple[Path, ...]
    span: int
    version: int | None
    base: Path


@dataclass(frozen=True)
class ResolvedInput(MatchedFiles):
    """What an input pattern stands for at one moment.

    Args:
        fingerprint: string. SHA-256 of the files' contents and names relative to the pattern's fixed part.
    """

    fingerprint: str


def resolve_input(pattern: str) -> ResolvedInput:
    """Finds the files of a pattern and reads them once for their fingerprint.

    Args:
        pattern: string. A file, a folder or a glob; `{SPAN}`, `{VERSION}` and `{YYYY}`, `{MM}`, `{DD}` stand for the
            latest one, as in TFX.

    Raises:
        DataError: if nothing matches, or something that matches cannot be read.
    """
    found = match_files(pattern)
    return ResolvedInput(
        found.matches, found.files, found.span, found.version, found.base, _fingerprint(found.files, found.base)
    )


def match_files(pattern: str) -> MatchedFiles:
    """Finds the files of a pattern, and reads none.

    Args:
        pattern: string. See `resolve_input`.

    Raises:
        DataError: if nothing matches.
    """
    if "://" in pattern:
        raise DataError(
            f"Expected data on this machine. Received: {pattern}. Copy the files here, or mount the bucket and name "
            "the folder; a compiled pipeline's step does so itself."
        )
    span, version = 0, None
    if "{" in pattern:
        pattern, span, version = _fill_span_and_version(pattern)
    base, matches = _match(pattern)
    files = tuple(file for match in matches for file in _files_below(match))
    if not files:
        raise DataError(
            f"Expected data files in {pattern}. Received: an empty folder. Put the files there or name another."
        )
    return MatchedFiles(matches, files, span, version, base)


def _fill_span_and_version(pattern: str) -> tuple[str, int, int | None]:
    # Imported here: only patterns with a span pay the seconds that TFX takes to import.
    from tfx.proto import example_gen_pb2

    from ..tfx_api import example_gen_utils as utils

    split = example_gen_pb2.Input.Split(name="data", pattern=pattern)
    try:
        _, span, version = utils.calculate_splits_fingerprint_span_and_version("", [split])
    except ValueError as error:
        raise DataError(f"Expected data for a span at {pattern}. Received: {error}. Check the path.") from None
    return split.pattern, span, version


def _match(pattern: str) -> tuple[Path, tuple[Path, ...]]:
    """Returns the folder to which names are relative, and the matches."""
    path = Path(pattern)
    # A name with brackets may exist as it stands.
    if not glob.has_magic(pattern) or _exists(path):
        if not _exists(path):
            raise DataError(
                f"Expected data at {pattern}. Received: no such file or folder.{_neighbour(path)} Name an existing one."
            )
        return (path if path.is_dir() else path.parent), (path,)
    base = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
    if not _exists(base):
        raise DataError(f"Expected data at {pattern}. Received: no such folder as {base}. Name an existing one.")
    _list(base)
    matches = tuple(sorted(Path(match) for match in glob.glob(pattern, recursive=True)))  # noqa: PTH207, `Path.glob` takes no absolute pattern
    if not matches:
        raise DataError(f"Expected files that match {pattern}. Received: none. Check the pattern.")
    return base, matches


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(path, error) from None
    return True


def _files_below(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for name in _list(path) if not name.startswith(HIDDEN_PREFIXES) for file in _files_below(path / name)]


def _list(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from None


def _neighbour(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    return suggestion(path.name, _list(path.parent), lambda name: str(path.parent / name))


def _fingerprint(files: tuple[Path, ...], base: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise unreadable(file, error) from None
        digest.update(f"{file.relative_to(base).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()
