"""Texts in the languages of the page."""

from typing import Any, Literal

from pydantic import model_validator

from .settings import Settings

Language = Literal["en", "es"]


class Text(Settings):
    """A text in the languages of the page: a plain string is English, which stands in for a Spanish one left out.

    Args:
        en: string.
        es: string. Defaults to the English one where it is shown.
    """

    en: str = ""
    es: str = ""

    @model_validator(mode="before")
    @classmethod
    def _plain_is_english(cls, given: Any) -> Any:
        return {"en": given} if isinstance(given, str) else given
