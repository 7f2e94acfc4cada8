"""A whole run of many records: seconds and memory of each node, of all processes together.

    .venv/bin/python tests/benchmarks/large.py [--rows 5000000] [--rounds 20] [--folder FOLDER]

`yachay run student_dropout` of synthetic records of 37 columns, with `--rounds` of boosting in place of the
configuration's. Memory is the sum of what every process of the run has resident, four times a second; what several
share is divided among them (`Pss`). A line is printed as each node ends: its wall time, the processor time that all
processes took since the line before, and the largest memory meanwhile. Needs Linux (`/proc`). With `--folder` the data
and the run are kept there, and a second call resumes the run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pyarrow as pa
from chain import YACHAY
from pyarrow import csv

from yachay.schemas.student_dropout.mock import mock_table

PIPELINE = "student_dropout"
ROUNDS = "model.hyperparameters.boosted_trees.max_iter"
MAX_MEMORY_GIB = 6
CHUNK_ROWS = 100_000
PERIOD_SECONDS = 0.25
NODE_ENDED = re.compile(r"^(\w+)\s+(done|cached|failed)\s+([\d.]+) s")


def main() -> None:
    """Makes the records, runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="keep the data and the run in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        data = folder / f"{options.rows}.csv"
        if not data.exists():
            write_records(data, options.rows)
        print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()[0], "bytes": data.stat().st_size}))
        sys.exit(run(data, options.rounds, folder))


def write_records(path: Path, num_rows: int) -> None:
    """Writes synthetic records, a chunk after the other."""
    part = path.with_suffix(".part")
    writer = None
    for seed, start in enumerate(range(0, num_rows, CHUNK_ROWS)):
        chunk = pa.table(mock_table(min(CHUNK_ROWS, num_rows - start), seed))
        writer = writer or csv.CSVWriter(part, chunk.schema, write_options=csv.WriteOptions(delimiter=";"))
        writer.write_table(chunk)
    if writer:
        writer.close()
    part.rename(path)


def run(data: Path, rounds: int, workdir: Path) -> int:
    """Runs the pipeline, prints what each node took, and returns the exit status."""
    command = [sys.executable, "-c", YACHAY, "run", PIPELINE, "--data", str(data), "--workdir", str(workdir)]
    start = time.monotonic()
    process = subprocess.Popen(
        [*command, "--set", f"{ROUNDS}={rounds}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    meter = Meter(process.pid)
    lines: list[str] = []
    for line in process.stderr or ():
        lines.append(line)
        if ended := NODE_ENDED.match(line):
            processor, memory = meter.read()
            node = {"node": ended[1], "state": ended[2], "wall_s": float(ended[3])}
            print(json.dumps({**node, "processor_s": round(processor, 1), "peak_mib": memory >> 20}), flush=True)
    status = process.wait()
    meter.read()
    if status not in (0, 3):  # 3 is a model that is not blessed.
        print("".join(lines[-30:]), file=sys.stderr)
    total = {"wall_s": round(time.monotonic() - start, 1), "processor_s": round(meter.processor, 1)}
    gib = round(meter.peak / 2**30, 2)
    print(json.dumps({**total, "peak_gib": gib, "asked for": MAX_MEMORY_GIB, "exit_status": status}))
    return 0 if status in (0, 3) else status


class Meter:
    """Watches a process and its descendants.

    Args:
        pid: int.

    Attributes:
        peak: int. Largest resident memory so far, in bytes, of all together.
        processor: float. Seconds of the processor so far, as far as they were seen.
    """

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self.processor = 0.0
        self._pid = pid
        self._seconds: dict[int, float] = {}
        self._peak_since, self._processor_before = 0, 0.0
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def read(self) -> tuple[float, int]:
        """Returns the seconds of the processor and the largest memory since the last reading."""
        with self._lock:
            processor, memory = self.processor - self._processor_before, self._peak_since
            self._processor_before, self._peak_since = self.processor, 0
            return processor, memory

    def _watch(self) -> None:
        while pids := _descendants(self._pid):
            found = [usage for pid in pids if (usage := _usage(pid))]
            with self._lock:
                self._seconds |= {pid: seconds for pid, seconds, _ in found}
                self.processor = sum(self._seconds.values())
                memory = sum(resident for _, _, resident in found)
                self._peak_since, self.peak = max(self._peak_since, memory), max(self.peak, memory)
            time.sleep(PERIOD_SECONDS)


def _descendants(pid: int) -> list[int]:
    """Returns a process and its descendants; none where it has ended."""
    try:
        children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    except OSError:
        return []
    return [pid, *(each for child in children for each in _descendants(child))]


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:  # The thread has ended.
        return []


def _usage(pid: int) -> tuple[int, float, int] | None:
    """Returns a process, the seconds of the processor that it took, and the bytes that it has resident."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        memory = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    user, system = int(fields[11]), int(fields[12])
    share = re.search(r"^Pss:\s+(\d+) kB", memory, re.MULTILINE)
    return pid, (user + system) / os.sysconf("SC_CLK_TCK"), int(share[1]) << 10 if share else 0


if __name__ == "__main__":
    main()
