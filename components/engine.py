"""Which engine does the work of a component: arrays in this process, or Beam."""

from typing import Literal

from absl import logging

from ..errors import ConfigurationError

Engine = Literal["auto", "arrays", "beam"]

MAX_VALUES = 1_000_000_000
"""Above so many values (rows times columns) one process takes too long, and Beam can be spread over several."""


def choose_engine(
    engine: Engine, component: str, rows: int | None, columns: int, unsupported: str = ""
) -> Literal["arrays", "beam"]:
    """Returns the engine for a component's work, and logs which and why.

    Args:
        engine: string. As configured; `"auto"` takes arrays where they can do the work and it is not too
            large for one process.
        component: string. Name of the component, for the log and the message.
        rows: int or None. Number of records, None where it is not known.
        columns: int. Number of columns of the records.
        unsupported: string. What of the work arrays cannot do; empty where they can do all of it.

    Raises:
        ConfigurationError: if arrays are asked for and cannot do the work.
    """
    if engine == "arrays" and unsupported:
        raise ConfigurationError(
            f"Expected work that arrays can do in {component}. Received: {unsupported}. "
            "Write `engine: auto` or `engine: beam` in the configuration."
        )
    size = f"{rows:,} rows of {columns} columns" if rows is not None else f"{columns} columns"
    if engine != "auto":
        chosen, why = engine, "it is configured"
    elif unsupported:
        chosen, why = "beam", f"arrays cannot do {unsupported}"
    elif rows is not None and rows * columns > MAX_VALUES:
        chosen, why = "beam", f"{size} are more than {MAX_VALUES:,} values"
    else:
        chosen, why = "arrays", size
    logging.info("%s: engine %s, for %s", component, chosen, why)
    return "beam" if chosen == "beam" else "arrays"
