"""Files that a reader gives beside its records: they lie with the examples, for sections of the page.

yield Attachment("daily.parquet", content)
yield pyarrow.record_batch(...)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = "attachments"
"""The folder of the examples in which they lie."""


@dataclass(frozen=True)
class Attachment:
    """A file beside the records.

    Args:
        name: string. Its name, of the reader's choice; a later one of the same name replaces it.
        content: bytes. It is held in memory.
    """

    name: str
    content: bytes


def write_attachments(attachments: Mapping[str, bytes], folder: Path) -> None:
    """Writes attachments into the folder of the examples."""
    for name, content in attachments.items():
        path = folder / FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
