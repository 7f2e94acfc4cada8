"""The evaluation page's sentences in English and Spanish."""

from pathlib import Path

from ...text import Language
from ...web_page import texts

ASSETS = Path(__file__).parent / "assets"


def load_texts(language: Language) -> dict[str, str]:
    """Returns the sentences of a language by key; `{name}` stands for a value."""
    return texts.load_texts(language, ASSETS)
