"""Prepares the files of a network for training, with Dask: observations to windows in Parquet, by station and month.

    with local_cluster(workers=2, memory_limit="1GiB") as client:  # pipelines.dask_cluster
        summary = prepare(["s3://bucket/stations/*.csv"], Path("windows"), network, WindowSettings(), client)

Each block of a file is read on its own and its observations are put aside by station; then each station is made a
series and cut into windows on its own. So a worker holds one block or one station, whatever there is of both; what is
written is the same whatever the number of workers; and what a worker that died had begun another does again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ConfigurationError, DataError, UsageError, suggestion
from ...files import atomic_file, atomic_folder, scratch_folder, write_atomically
from .network import Network, Place
from .station_files import STATION, Block, file_name, list_blocks, read_block
from .windows import WindowSettings

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

SUMMARY_FILE = "summary.json"
WINDOWS = "windows"
"""Of the summary: the settings that the windows were cut by."""
BLOCK_BYTES = 32 * 2**20
"""Of a CSV file that one task reads: as observations about five times that."""

WORKERS_SECONDS = 60.0
"""After so long without any worker the work ends."""

FLAGS, DAILY, REJECTED_FILE = "flags", "daily", "rejected.csv"

_FRAGMENTS = ".fragments"
_LOOK_SECONDS = 5.0


def prepare(
    uris: Sequence[str],
    output: Path,
    network: Network,
    settings: WindowSettings,
    client: Client | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    block_bytes: int = BLOCK_BYTES,
) -> dict[str, Any]:
    """Writes the windows of all stations, the values that quality control took out, and a summary of both.

    The folder has `station=<name>/month=<yyyy-mm>.parquet` (the month of the forecast in UTC; names percent-encoded),
    `flags/station=<name>.csv`, `daily/station=<name>.parquet` with the days that `climate` is computed from,
    `rejected.csv` with what could not be read, and `summary.json`. It is complete or absent; one that is there is
    replaced.

    Args:
        uris: sequence of strings. Files, folders or patterns, local or of a store that fsspec opens.
        output: path. On a cluster a folder that all workers see.
        network: `Network`.
        settings: `WindowSettings`.
        client: `distributed.Client` or None. Without one the work is done here, one task after the other.
        progress: function of what is done ("files", "stations"), how many are done and of how many.
        block_bytes: int. Of a CSV file that one task reads.

    Returns:
        What `summary.json` holds: the settings of the windows, and counts of observations, windows, flags by rule and
        rejected texts, by station.

    Raises:
        ConfigurationError: if the network does not have the target.
        UsageError: if the folder holds something else, which would be removed.
        DataError: if a file or a station does not fit, or workers died of the same task.
    """
    if settings.target not in network.variables:
        raise ConfigurationError(
            f"Expected `windows.target` to be a variable of the network. Received: {settings.target!r}."
            f"{suggestion(settings.target, network.variables)} It has {', '.join(network.variables)}."
        )
    _require_replaceable(output)
    blocks = list_blocks(uris, network, block_bytes)
    output.parent.mkdir(parents=True, exist_ok=True)
    # In a folder that is locked: what a killed process left there goes at the next start.
    with scratch_folder(output.absolute().parent) as staging, atomic_folder(output.absolute(), staging) as draft:
        fragments = draft / _FRAGMENTS
        fragments.mkdir()
        (draft / FLAGS).mkdir()
        (draft / DAILY).mkdir()
        tasks = [(block, network, str(fragments / f"{number:06d}")) for number, block in enumerate(blocks)]
        read = _run(client, _put_aside, tasks, lambda done: progress("files", done, len(tasks)))
        stations = sorted({station for found in read for station in found["stations"]})
        if not stations:
            raise DataError("Expected observations. Received: none with a time. Correct `clock` or the files.")
        _require_places(stations, network)
        _write_rejected(draft, len(blocks))
        of_stations = [(station, network, settings, str(draft)) for station in stations]
        made = _run(client, _write_station, of_stations, lambda done: progress("stations", done, len(stations)))
        shutil.rmtree(fragments)
        summary = {
            WINDOWS: settings.model_dump(mode="json"),
            "rejected": sum(found["rejected"] for found in read),
            "num_windows": sum(of["windows"] for of in made),
            "stations": {of.pop(STATION): of for of in made},
        }
        write_atomically(draft / SUMMARY_FILE, json.dumps(summary, indent=1, ensure_ascii=False))
    return summary


def read_days(
    uris: Sequence[str], network: Network, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[str, pd.DataFrame, Place | None]]:
    """Yields each station's name, days and place: of the files of a network, or of what `prepare` wrote.

    A block or a station is in memory at a time.

    Raises:
        DataError: if a file or a station does not fit.
    """
    import pandas as pd

    from .climate.daily import from_table, to_daily
    from .series import to_series

    if len(uris) == 1 and (Path(uris[0]) / SUMMARY_FILE).is_file():
        for file in sorted((Path(uris[0]) / DAILY).glob("*.parquet")):
            yield from_table(pd.read_parquet(file))
        return
    with scratch_folder() as scratch:
        stations: set[str] = set()
        for number, block in enumerate(list_blocks(uris, network, block_bytes)):
            stations |= set(_put_aside(block, network, str(scratch / f"{number:06d}"))["stations"])
        if not stations:
            raise DataError("Expected observations. Received: none with a time. Correct `clock` or the files.")
        for station in sorted(stations):
            series, _ = to_series(_observations(scratch, station), station, network)
            yield station, to_daily(series, network), network.places.get(station)


def _require_places(stations: Sequence[str], network: Network) -> None:
    """Checks that either all stations have a place or none has: one without would stand at the equator, unseen."""
    absent = [station for station in stations if station not in network.places]
    if network.places and absent:
        raise DataError(
            f"Expected a place of each station. Received: none of {', '.join(map(repr, absent[:10]))}, and of "
            f"{len(network.places)} others. Add it to `places` of the network, with `latitude_deg` and `longitude_deg`."
            f"{suggestion(absent[0], network.places)}"
        )


def _require_replaceable(output: Path) -> None:
    ours = {SUMMARY_FILE, FLAGS, DAILY, REJECTED_FILE}
    entries = sorted(entry.name for entry in output.iterdir()) if output.is_dir() else []
    others = [name for name in entries if name not in ours and not name.startswith(f"{STATION}=")]
    if others:
        raise UsageError(
            f"Expected a folder that is not there, is empty or was written by `yachay prepare`. Received: {output}, "
            f"which holds {others[0]!r} and would be replaced. Name another."
        )


def _run(
    client: Client | None, work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], done: Callable[[int], None]
) -> list[Any]:
    """Returns the results of all tasks in their order."""
    if client is None:
        results = []
        for number, task in enumerate(tasks, 1):
            results.append(work(*task))
            done(number)
        return results
    from distributed import KilledWorker, wait

    # Not pure: two tasks of equal arguments are of two files, and a task writes.
    futures = client.map(work, *zip(*tasks, strict=True), pure=False, retries=0)
    try:
        pending, without_workers = set(futures), 0.0
        while pending:
            try:
                ended, pending = wait(pending, timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED")
            except TimeoutError:
                # A task that waits for workers that will never be there waits for ever.
                without_workers = 0.0 if client.nthreads() else without_workers + _LOOK_SECONDS
                if without_workers >= WORKERS_SECONDS:
                    raise DataError(
                        f"Expected workers of the Dask cluster. Received: none for {WORKERS_SECONDS:g} s. See their "
                        "logs: each needs this version of Yachay and memory for a task."
                    ) from None
                continue
            for future in ended:
                if future.status == "error":
                    future.result()
            done(len(futures) - len(pending))
        return [future.result() for future in futures]
    except KilledWorker as error:
        raise DataError(
            f"Expected workers to live through their tasks. Received: {error}. "
            "Give workers more memory, or read smaller blocks."
        ) from None
    finally:
        client.cancel(futures, force=True)


def _put_aside(block: Block, network: Network, folder: str) -> dict[str, Any]:
    """Writes the observations of a block by station, and what could not be read."""
    observations, rejected = read_block(block, network)
    stations = []
    # A task that is done again finds what its first worker left.
    with atomic_folder(Path(folder)) as draft:
        for station, of in observations.groupby(STATION, sort=True, observed=True):
            stations.append(str(station))
            of.drop(columns=[STATION]).to_parquet(draft / f"{file_name(str(station))}.parquet", index=False)
        if len(rejected):
            rejected.to_csv(draft / REJECTED_FILE, index=False)
    return {"stations": stations, "rejected": len(rejected)}


def _write_station(station: str, network: Network, settings: WindowSettings, folder: str) -> dict[str, Any]:
    """Writes the windows and the flags of a station."""
    import pyarrow.parquet as pq

    from .climate.daily import to_daily, to_table
    from .series import to_series
    from .windows import cut_windows, to_arrow

    root, name = Path(folder), file_name(station)
    observations = _observations(root / _FRAGMENTS, station)
    series, flags = to_series(observations, station, network)
    with atomic_file(root / DAILY / f"station={name}.parquet") as draft:
        to_table(to_daily(series, network), station, network.places.get(station)).to_parquet(draft)
    windows = cut_windows(series, settings)
    place = network.places.get(station)
    windows.insert(0, STATION, station)
    windows.insert(2, "latitude_deg", place.latitude_deg if place else float("nan"))
    windows.insert(3, "longitude_deg", place.longitude_deg if place else float("nan"))
    with atomic_folder(root / f"station={name}") as draft:
        for month, of in windows.groupby(windows["time"].str[:7], sort=True):
            pq.write_table(to_arrow(of), draft / f"month={month}.parquet", compression="zstd")
    if len(flags):
        with atomic_file(root / FLAGS / f"station={name}.csv") as draft:
            flags.to_csv(draft, index=False)
    return {
        STATION: station,
        "observations": len(observations),
        "begins": series.index[0].isoformat(),
        "ends": series.index[-1].isoformat(),
        "missing": {column: int(series[column].isna().sum()) for column in series.columns},
        "flags": {
            f"{variable}: {rule}": int(count)
            for (variable, rule), count in flags.groupby(["variable", "rule"]).size().items()
        },
        "windows": len(windows),
    }


def _observations(fragments: Path, station: str) -> pd.DataFrame:
    import pandas as pd

    parts = sorted(fragments.glob(f"*/{file_name(station)}.parquet"))
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)


def _write_rejected(draft: Path, num_blocks: int) -> None:
    parts = [draft / _FRAGMENTS / f"{number:06d}" / REJECTED_FILE for number in range(num_blocks)]
    parts = [part for part in parts if part.exists()]
    if parts:
        with (draft / REJECTED_FILE).open("wb") as file:
            for number, part in enumerate(parts):
                header, rows = part.read_bytes().split(b"\n", 1)
                file.write((b"" if number else header + b"\n") + rows)
