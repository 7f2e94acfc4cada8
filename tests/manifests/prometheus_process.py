"""A real Prometheus that holds the metrics of a registry at given times."""

import datetime
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from served_process import served

from yachay.components.pusher.candidate_server import free_port


class History:
    """What a Prometheus would have scraped."""

    def __init__(self) -> None:
        self._samples: dict[str, list[str]] = {}
        self._kinds: dict[str, str] = {}

    def scrape(self, registry: CollectorRegistry, when: datetime.datetime, labels: Sequence[tuple[str, str]]) -> None:
        """Adds what a registry shows at a time, with the labels that Prometheus adds to a target."""
        for family in registry.collect():
            self._kinds[family.name] = family.type
            for sample in family.samples:
                if sample.name.endswith("_created"):
                    continue
                pairs = ",".join(f'{name}="{value}"' for name, value in [*sample.labels.items(), *labels])
                line = f"{sample.name}{{{pairs}}} {sample.value} {when.timestamp():.0f}"
                self._samples.setdefault(family.name, []).append(line)

    def to_text(self) -> str:
        """Returns the samples as OpenMetrics."""
        lines = []
        for name, samples in self._samples.items():
            # A metric's points stand together, by its labels.
            lines += [f"# TYPE {name} {self._kinds[name]}", *sorted(samples, key=lambda line: line.partition("} ")[0])]
        return "\n".join([*lines, "# EOF", ""])


@contextmanager
def prometheus(history: History, folder: Path, lookback: str = "5m") -> Iterator[str]:
    """Runs a Prometheus on a history and gives its address; skips the test where none is installed.

    Args:
        history: `History`.
        folder: path. Empty.
        lookback: string. How long a sample counts; as long as lies between two of the history.
    """
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        pytest.skip("Prometheus is not installed: apt-get install --no-install-recommends prometheus")
    (folder / "samples.txt").write_text(history.to_text(), encoding="utf-8")
    make = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "samples.txt", "data"]
    made = subprocess.run(make, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (folder / "prometheus.yaml").write_text("scrape_configs: []\n")
    port = free_port()
    command = ["prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y"]
    command += [f"--query.lookback-delta={lookback}"]
    url = f"http://127.0.0.1:{port}"
    with served(command, f"{url}/-/ready", folder / "prometheus.log", cwd=folder):
        yield url
