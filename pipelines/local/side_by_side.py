"""Whether nodes that do not depend on one another run side by side: one rule for all runs on this machine."""

from pathlib import Path

import joblib  # type: ignore[import-untyped]

from ...components.cross_validator.workers import available_memory

MAX_MEBIBYTES = 128
"""Above so much of examples two nodes might not fit in memory together."""

MIN_AVAILABLE_GIBIBYTES = 4


def why_in_turn(examples: Path) -> str:
    """Returns why nodes run one after the other; nothing where they run side by side.

    Args:
        examples: path of the folder of the examples that they work on.
    """
    processors = joblib.cpu_count()
    if processors < 2:
        return "there is one processor"
    mebibytes = sum(file.stat().st_size for file in examples.rglob("*") if file.is_file()) >> 20
    if mebibytes > MAX_MEBIBYTES:
        return f"the examples have {mebibytes:,} MiB, more than {MAX_MEBIBYTES}"
    available = available_memory()
    if available is None:
        return "this system does not show how much memory is available"
    if available >> 30 < MIN_AVAILABLE_GIBIBYTES:
        return f"{available >> 20:,} MiB of memory are available, less than {MIN_AVAILABLE_GIBIBYTES} GiB"
    return ""
