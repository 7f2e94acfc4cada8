"""The sentences of a page in English and Spanish."""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from ..text import Language, Text

LANGUAGES: tuple[Language, ...] = ("en", "es")
ASSETS = Path(__file__).parent / "assets"


@functools.cache
def load_texts(language: Language, folder: Path = ASSETS, name: str = "texts") -> dict[str, str]:
    """Returns the sentences of a page by key, those of all pages among them; `{name}` stands for a value.

    Args:
        language: `"en"` or `"es"`.
        folder: path of the page's assets. Defaults to the sentences of all pages alone.
        name: string. The file is `<name>.<language>.json`.
    """
    shared: dict[str, str] = json.loads((ASSETS / f"texts.{language}.json").read_text(encoding="utf-8"))
    own: dict[str, str] = json.loads((folder / f"{name}.{language}.json").read_text(encoding="utf-8"))
    return shared | own


class Texts:
    """Sentences as elements that the page's script can put into the other language.

    Args:
        language: `"en"` or `"es"`. The language that the elements are written in.
        load: function that returns the sentences of a language.
        titles: mapping of key to `Text`, for names that the sentences lack. Defaults to none.
    """

    def __init__(
        self,
        language: Language,
        load: Callable[[Language], dict[str, str]],
        titles: Mapping[str, Text] | None = None,
    ) -> None:
        self._titles = titles or {}
        self.language = language
        self._load = load
        self._used: set[str] = set()

    def __call__(self, key: str, tag: str = "span", values: dict[str, Any] | None = None, **attributes: Any) -> Markup:
        """Returns `<tag>sentence</tag>`; values are text or formatted numbers."""
        own = {"data-t": key, **({"data-v": json.dumps(values, ensure_ascii=False)} if values else {})}
        return element(tag, self.plain(key, values), own | attributes)

    def attribute(self, name: str, key: str, values: dict[str, Any] | None = None) -> Markup:
        """Returns `name="sentence"` for an element without other sentences."""
        own = {name: self.plain(key, values), "data-ta": f"{name}:{key}"}
        return _attributes(own | ({"data-v": json.dumps(values, ensure_ascii=False)} if values else {}))

    def plain(self, key: str, values: dict[str, Any] | None = None) -> str:
        """Returns the sentence alone."""
        self._used.add(key)
        return fill(self._load(self.language)[key], values or {})

    def knows(self, key: str) -> bool:
        """Returns whether there is a sentence of this key."""
        return key in self._load("en")

    def name(self, group: str, name: str, tag: str = "span", **attributes: Any) -> Markup:
        """Returns the name of a metric, a rate or the like in words where the page knows it, or as it is."""
        key = f"{group}.{name}"
        if self.knows(key):
            return self(key, tag, **attributes)
        title = self._titles.get(key, Text())
        return self.own(title, tag, **attributes) if title.en or title.es else element(tag, name, attributes)

    def own(self, text: Text, tag: str = "span", **attributes: Any) -> Markup:
        """Returns a text that the report brings in both languages; what stands between backticks is code."""
        english, spanish = text.en or text.es, text.es or text.en
        content = _with_code(spanish if self.language == "es" else english)
        return element(tag, content, {"data-en": english, "data-es": spanish} | attributes)

    def dictionary(self) -> dict[str, dict[str, str]]:
        """Returns what the script needs: the sentences used so far and its own, of both languages."""
        return {
            language: {
                key: text for key, text in self._load(language).items() if key in self._used or key.startswith("js.")
            }
            for language in LANGUAGES
        }


def fill(sentence: str, values: dict[str, Any]) -> str:
    """Puts values into a sentence, as the script does; braces of the values stay as they are."""
    parts = sentence.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}")
        filled.append(str(values.get(name, "")) + rest)
    return "".join(filled)


def element(tag: str, content: Any, attributes: dict[str, Any]) -> Markup:
    """Returns an element with escaped content and attributes; `class_` is `class`, and None leaves one out."""
    return Markup("<{}{}>{}</{}>").format(Markup(tag), _attributes(attributes), content, Markup(tag))


def _with_code(text: str) -> Markup:
    parts = (
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(text.split("`"))
    )
    return Markup("").join(parts)


def _attributes(attributes: dict[str, Any]) -> Markup:
    return Markup("").join(
        Markup(' {}="{}"').format(Markup(name.rstrip("_").replace("_", "-")), escape(value))
        for name, value in attributes.items()
        if value is not None
    )
