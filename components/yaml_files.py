"""Reads a YAML file that holds one mapping, with the lines of its parts for messages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigurationError


def read_mapping(path: Path, what: str, fix: str) -> tuple[dict[str, Any], yaml.Node]:
    """Returns the content of a file, and the node of which `line_of` finds parts.

    Args:
        path: path.
        what: string. What the file is, such as `"a configuration"`.
        fix: string. What to do where there is no such file, a sentence.

    Raises:
        ConfigurationError: if it cannot be read, holds no mapping, or a mapping has a key twice, of which YAML would
            keep the last without a word.
    """
    try:
        text = path.read_text(encoding="utf-8")
        try:
            document, root, twice = _parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:
            document, root, twice = _parse(text, yaml.SafeLoader)  # Its errors show the line itself.
    except FileNotFoundError:
        raise ConfigurationError(f"Expected {what} at {path}. Received: no such file. {fix}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"Expected {path} to be a readable YAML file. Received: {error}") from None
    if not isinstance(document, dict) or root is None:
        raise ConfigurationError(f"Expected {path} to hold a YAML mapping. Received: {type(document).__name__}.")
    if twice:
        raise ConfigurationError("\n".join([f"{path} is invalid:", *twice]))
    return document, root


def line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """Returns the line of the deepest part of a document that a location leads to, from 1."""
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            # A mapping's own keys come after those merged into it.
            found = next(((key, value) for key, value in reversed(node.value) if key.value == str(part)), None)
            if found is None:
                continue
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _parse(text: str, make_loader: Any) -> tuple[Any, yaml.Node | None, list[str]]:
    """Returns the document, its root, and a line about each key that is there twice."""
    loader = make_loader(text)
    root = loader.get_single_node()
    twice = list(_doubled(root))  # Before the document is made, which writes merged keys into the nodes.
    return None if root is None else loader.construct_document(root), root, twice


def _doubled(node: yaml.Node | None) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    yield f"  - {key.value}: expected it once, received it in lines {seen[key.value]} and {line}"
                seen[key.value] = line
            yield from _doubled(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _doubled(value)
