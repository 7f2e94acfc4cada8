"""Reads the files of a network of stations, or what `yachay prepare` made of them, as windows.

for batch in read("data/weather/beijing", network="beijing", windows={"stride": 5}): ...
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ...components.example_gen.attachments import Attachment
from ...components.example_gen.notes import Note
from ...components.settings import check_settings
from ...errors import ConfigurationError, DataError, suggestion
from ...files import scratch_folder
from .network import Network, read_network
from .prepare import DAILY, FLAGS, REJECTED_FILE, SUMMARY_FILE, WINDOWS, prepare, read_days
from .windows import WindowSettings

if TYPE_CHECKING:
    from distributed import Client

STEP_FILE = "step.txt"
"""What is attached of the step of the series, as `Network.step` has it."""

_NETWORKS = Path(__file__).parent / "networks"


def read(
    path: str, network: str | Mapping[str, Any], windows: Mapping[str, Any]
) -> Iterator[pa.RecordBatch | Note | Attachment]:
    """Yields the windows of each station and month, a note of each value that was taken out, and the stations' days.

    Args:
        path: string. The files of a network, their folder or a pattern; or a folder that `yachay prepare` wrote.
        network: string or mapping. A network of the library (`networks/`), or the fields of a `Network`.
        windows: mapping of the fields of `WindowSettings`.

    Raises:
        ConfigurationError: if the network or the windows do not fit.
        DataError: if the files do not.
    """
    settings = check_settings(WindowSettings, windows, "`data.reader_options.windows`")
    mapping = to_network(network)
    yield Attachment(STEP_FILE, mapping.step.encode())
    if (Path(path) / SUMMARY_FILE).is_file():
        yield from _read_prepared(Path(path), settings)
        return
    with scratch_folder() as scratch:
        prepared = scratch / "windows"
        prepare([path], prepared, mapping, settings)
        yield from _read_prepared(prepared, settings)


def prepare_files(
    uris: Sequence[str],
    output: Path,
    reader_options: Mapping[str, Any],
    client: Client,
    progress: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Prepares the files of a network for `read`, as `prepare.prepare` does.

    Raises:
        ConfigurationError, DataError: as `read`.
    """
    settings = check_settings(WindowSettings, reader_options["windows"], "`data.reader_options.windows`")
    return prepare(uris, output, to_network(reader_options["network"]), settings, client, progress)


def write_climate(
    uris: Sequence[str],
    output: Path | None,
    reader_options: Mapping[str, Any],
    stations: Sequence[str],
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Analyses the climate of the stations of a network, or of some of them, as `climate.outputs.write_climate` does.

    Raises:
        ConfigurationError, DataError: as `read`.
    """
    from .climate import outputs

    return outputs.write_climate(read_days(uris, to_network(reader_options["network"])), output, stations, progress)


def to_network(given: str | Mapping[str, Any]) -> Network:
    """Returns a network of the library by its name, or the one that the fields describe.

    Raises:
        ConfigurationError: if there is none of the name, or a field does not fit.
    """
    if not isinstance(given, str):
        return check_settings(Network, given, "`data.reader_options.network`")
    known = sorted(file.stem for file in _NETWORKS.glob("*.yaml"))
    if given not in known:
        raise ConfigurationError(
            f"Expected `data.reader_options.network` to be one of {', '.join(known)}, or the fields of one. "
            f"Received: {given!r}.{suggestion(given, known)}"
        )
    return read_network(_NETWORKS / f"{given}.yaml")


def _read_prepared(folder: Path, settings: WindowSettings) -> Iterator[pa.RecordBatch | Note | Attachment]:
    _require_same(folder, settings)
    # As it is written: a station may be called 007 or NA.
    as_text: Any = {"dtype": str, "keep_default_na": False}
    for file in sorted((folder / FLAGS).glob("*.csv")):
        for row in pd.read_csv(file, **as_text).itertuples():
            reason = f"{row.rule} ({row.source})"
            yield Note(str(row.station), 0, str(row.time), str(row.variable), "blanked", reason)
    if (folder / REJECTED_FILE).exists():
        for row in pd.read_csv(folder / REJECTED_FILE, **as_text).itertuples():
            yield Note(str(row.file), 0, str(row.record), str(row.column), "blanked", str(row.reason))
    for file in sorted((folder / DAILY).glob("*.parquet")):
        yield Attachment(file.name, file.read_bytes())
    files = sorted(folder.glob("station=*/month=*.parquet"))
    if not files:
        raise DataError(
            f"Expected windows of {settings.past_steps} steps and {settings.steps_ahead} ahead. Received: none. Are "
            "the series so short, or have they gaps throughout?"
        )
    for file in files:
        # Not as a data set: the folders' names would become columns.
        yield from pq.ParquetFile(file).read().to_batches()


def _require_same(folder: Path, settings: WindowSettings) -> None:
    """Checks that windows were cut as the configuration says: by another boundary some would stand on both sides."""
    summary = json.loads((folder / SUMMARY_FILE).read_text("utf-8"))
    wanted, found = settings.model_dump(mode="json"), summary.get(WINDOWS)
    found = found if isinstance(found, dict) else {}
    if others := [name for name in wanted if wanted[name] != found.get(name)]:
        raise DataError(
            f"Expected windows in {folder} that were cut with "
            f"{', '.join(f'{name}: {wanted[name]}' for name in others)} (`data.reader_options.windows`). "
            f"Received: {', '.join(f'{name}: {found.get(name)}' for name in others)}. Run `yachay prepare` again."
        )
