"""The processors that a process may use: its affinity, and the CPU quota of its container, which TensorFlow ignores."""

import math
import os
from pathlib import Path

_PROC = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")


def count_cpus(membership: Path = _PROC, root: Path = _ROOT) -> int:
    """Returns how many threads can run at once, at least 1: a quota of 1.5 processors counts as 2.

    Quotas of the control group and of those above it hold, of version 1 and 2 (Linux); elsewhere there is none.

    Args:
        membership: path of the process's `/proc/<pid>/cgroup`. Defaults to its own.
        root: path where control groups are mounted. Defaults to `/sys/fs/cgroup`.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _folders(membership, root) if (quota := _quota(folder)) is not None]
    return max(1, math.ceil(min([affinity, *quotas])))


def _folders(membership: Path, root: Path) -> list[Path]:
    """Returns the folders of the control groups that limit the process; a container sees its own as the root."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders = []
    for _, controllers, group in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "cpu" if controllers else root
        path = Path(group.lstrip("/"))
        folders += [top / each for each in (path, *path.parents)]
    return folders


def _quota(folder: Path) -> float | None:
    """Returns the processors that a control group may use; None where it has no limit."""
    try:
        if (version2 := folder / "cpu.max").is_file():
            quota, period = version2.read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return float(quota) / float(period) if quota != "max" and float(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
