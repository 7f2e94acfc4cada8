"""One line a node while a pipeline runs."""

import dataclasses
import itertools
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_STYLES = {
    "done": "green",
    "cached": "cyan",
    "failed": "bold red",
    "interrupted": "yellow",
    "waiting": "dim",
    "skipped": "dim",
}


@dataclasses.dataclass
class NodeProgress:
    """How a node stands.

    Args:
        id: string. Name of the node.
        state: `"waiting"`, `"running"`, `"done"`, `"cached"`, `"failed"` or `"interrupted"`.
        seconds: float. Wall time that it took.
        rows: int or None. Number of records that it handled, where it handles records.
        note: string. What it last said of how far it is.
    """

    id: str
    state: str = "waiting"
    seconds: float = 0.0
    rows: int | None = None
    note: str = ""


class Progress:
    """Shows nodes on a terminal as a table that changes, elsewhere as a line each once they end.

    Args:
        stream: text stream. Where to write.
        nodes: sequence of `NodeProgress`, changed by whoever runs them.
    """

    def __init__(self, stream: TextIO, nodes: Sequence[NodeProgress]) -> None:
        self._nodes = nodes
        self._width = max([22, *(len(node.id) for node in nodes)])
        self._console = Console(file=stream, highlight=False)
        self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=8, transient=False)
        self._is_live = self._console.is_terminal
        self._ended: dict[str, NodeProgress] = {}
        self._num_shown = 0

    def __enter__(self) -> Self:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()
        self._show(list(self._ended.values()))

    def ended(self, node: NodeProgress) -> None:
        """Says that a node has ended; its line stands below those of the nodes before it."""
        self._ended[node.id] = node
        self._show(list(itertools.takewhile(lambda one: one.id in self._ended, self._nodes[self._num_shown :])))

    def _show(self, nodes: Sequence[NodeProgress]) -> None:
        for node in nodes:
            del self._ended[node.id]
            if not self._is_live:
                self._console.print(_line(node, self._width), soft_wrap=True)
        self._num_shown += len(nodes)

    def noted(self, node: NodeProgress, note: str) -> None:
        """Says how far a node is."""
        node.note = note
        if not self._is_live:
            self._console.print(f"{node.id:<{self._width}} {note}", soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for node in self._nodes:
            mark = Spinner("dots", text="running") if node.state == "running" else Text(node.state, _STYLES[node.state])
            seconds = f"{node.seconds:.1f} s" if node.state not in ("waiting", "running") else ""
            beside = node.note if node.state == "running" else _rows(node)
            table.add_row(node.id, mark, Text(seconds, justify="right"), beside)
        return table


def _line(node: NodeProgress, width: int) -> str:
    return f"{node.id:<{width}} {node.state:<12} {node.seconds:7.1f} s  {_rows(node)}".rstrip()


def _rows(node: NodeProgress) -> str:
    return "" if node.rows is None else f"{node.rows:,} rows"
