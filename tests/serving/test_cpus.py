import os
from pathlib import Path

import pytest

from yachay.serving.cpus import count_cpus

MANY = 64


@pytest.fixture(autouse=True)
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MANY)), raising=False)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, MANY),
        ("0::/\n", {}, MANY),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("0::/a/b\n", {"cpu.max": "damaged"}, MANY),
        ("5:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ("5:cpu:/pod\n", {"cpu/pod/cpu.cfs_quota_us": "50000", "cpu/pod/cpu.cfs_period_us": "100000"}, 1),
        # The folder of the host that the process's file names is not there within a container: its root is.
        ("5:cpu:/pod\n", {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ("5:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, MANY),
        ("3:cpuset:/\n", {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, MANY),
    ],
)
def test_the_quota_of_the_control_groups_limits_the_cpus(
    group: str, files: dict[str, str], expected: int, tmp_path: Path
) -> None:
    for name, text in files.items():
        write(tmp_path / "cgroup" / name, text)

    assert count_cpus(write(tmp_path / "membership", group), tmp_path / "cgroup") == expected


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert count_cpus(tmp_path / "none", tmp_path / "none") == MANY
