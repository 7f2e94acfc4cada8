"""Station files many times over, prepared with one and two workers, and by pandas in one process.

    .venv/bin/python tests/benchmarks/prepare.py FOLDER [--times 100] [--memory-limit 1GiB]

The Beijing files of FOLDER are repeated under other names of stations. Each line has the rows a second, the processor
time and the largest memory of all processes together. Pandas reads all files, then does the same work a station after
the other. Needs Linux (`/proc`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large import Meter

PREPARE = "from yachay.cli.main import main; main()"
PANDAS = """
import sys
import pandas as pd
from pathlib import Path
from yachay.pipelines.weather.series import to_series
from yachay.pipelines.weather.source import to_network
from yachay.pipelines.weather.station_files import list_blocks, read_block
from yachay.pipelines.weather.windows import WindowSettings, cut_windows, to_arrow
import pyarrow.parquet as pq

network, settings, output = to_network("beijing"), WindowSettings(stride=3), Path(sys.argv[2])
blocks = list_blocks([sys.argv[1]], network, 2**40)
whole = pd.concat([read_block(block, network)[0] for block in blocks])
for station, of in whole.groupby("station", sort=True, observed=True):
    series, _ = to_series(of.drop(columns=["station"]), str(station), network)
    windows = cut_windows(series, settings)
    folder = output / str(station)
    folder.mkdir(parents=True)
    for month, rows in windows.groupby(windows["time"].str[:7], sort=True):
        pq.write_table(to_arrow(rows), folder / f"{month}.parquet", compression="zstd")
"""


def main() -> None:
    """Writes the files, prepares them in each way and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--memory-limit", default="1GiB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch, "raw")
        raw.mkdir()
        rows = write_copies(options.folder, raw, options.times)
        size = sum(file.stat().st_size for file in raw.iterdir())
        print(json.dumps({"rows": rows, "bytes": size, "cores": os.cpu_count(), "load": os.getloadavg()[0]}))
        prepare = [sys.executable, "-c", PREPARE, "prepare", "weather", "--data", str(raw)]
        for workers in (1, 2):
            limits = ["--workers", str(workers), "--memory-limit", options.memory_limit]
            measure(f"{workers} workers", [*prepare, "-o", str(Path(scratch, str(workers))), *limits], rows)
        measure("pandas", [sys.executable, "-c", PANDAS, str(raw), str(Path(scratch, "pandas"))], rows)


def write_copies(folder: Path, raw: Path, times: int) -> int:
    """Writes each file `times` over, its station renamed, and returns the number of rows."""
    rows = 0
    for file in sorted(folder.glob("PRSA_Data_*.csv")):
        content = file.read_bytes()
        station = content.rsplit(b'"', 2)[1]
        for copy in range(times):
            name = b'"%s %03d"' % (station, copy)
            (raw / f"{file.stem}_{copy:03d}.csv").write_bytes(content.replace(b'"%s"' % station, name))
        rows += times * (content.count(b"\n") - 1)
    return rows


def measure(name: str, command: list[str], rows: int) -> None:
    """Runs a command and prints what it took."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    meter = Meter(process.pid)
    _, errors = process.communicate()
    seconds = time.monotonic() - start
    if process.returncode:
        print(errors[-2000:], file=sys.stderr)
    line = {"status": process.returncode, "rows_s": round(rows / seconds), "wall_s": round(seconds, 1)}
    print(json.dumps({"by": name, **line, "processor_s": round(meter.processor, 1), "peak_mib": meter.peak >> 20}))


if __name__ == "__main__":
    main()
