"""Writes what the monitor found: `monitor.json` and `monitor.html`."""

from pathlib import Path

from ...errors import UsageError
from ...files import write_atomically
from ..text import Language
from .result import MonitorResult

JSON_FILE, PAGE_FILE = "monitor.json", "monitor.html"


def write_result(
    result: MonitorResult, folder: Path, title: str = "", language: Language | None = None, page_uri: str = ""
) -> MonitorResult:
    """Writes the result and its page into a folder, each atomically, and returns it with the page's URI.

    Args:
        result: `MonitorResult`.
        folder: path. Made where it is absent.
        title: string. Of the page: the pipeline and its task.
        language: `"en"`, `"es"` or None. The language that the page starts with.
        page_uri: string. Where the page can be found; defaults to its path.

    Raises:
        UsageError: if the folder cannot be written.
    """
    from .page.page import render_page

    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / PAGE_FILE
        described = result.model_copy(update={"page_uri": page_uri or str(page.absolute())})
        write_atomically(page, render_page(described, title, language))
        write_atomically(folder / JSON_FILE, described.to_json() + "\n")
    except OSError as error:
        raise UsageError(
            f"Expected to write to {folder}. Received: {error.strerror or error}. Name another folder by --output."
        ) from None
    return described
