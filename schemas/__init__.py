"""Schemas: `<name>/schema.pbtxt`, and beside it `mock.py`, whose `write_mock_csv(path)` writes synthetic records."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import SchemaError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

SCHEMA_FILE = "schema.pbtxt"

__all__ = ["SCHEMA_FILE", "SchemaError", "known_schemas", "load_schema", "parse_schema", "schema_path"]


def known_schemas() -> tuple[str, ...]:
    """Returns the names of the shipped schemas, sorted."""
    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob(f"*/{SCHEMA_FILE}")))


def schema_path(name: str) -> Path:
    """Returns the path of a shipped schema.

    Args:
        name: string. One of `known_schemas()`.

    Raises:
        SchemaError: if there is no such schema.
    """
    known = known_schemas()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SchemaError(
            f"Expected a schema that is shipped ({', '.join(known)}) or the path of a `.pbtxt` file. "
            f"Received: {name!r}.{hint}"
        )
    return Path(__file__).parent / name / SCHEMA_FILE


def load_schema(path: Path) -> "schema_pb2.Schema":
    """Reads a schema in text form.

    Raises:
        SchemaError: if the file cannot be read or does not hold a schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SchemaError(f"Expected a schema at {path}. Received: no such file. Name an existing file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"Expected {path} to be a readable text file. Received: {error}.") from None
    return parse_schema(text, str(path))


def parse_schema(text: str, source: str = "the text") -> "schema_pb2.Schema":
    """Returns the schema of a text.

    Args:
        text: string. A `tensorflow_metadata.proto.v0.Schema` in text form.
        source: string. Where the text comes from, for the message. Defaults to `"the text"`.

    Raises:
        SchemaError: if the text is no schema, has no feature, or has one twice or without a type.
    """
    # `mock.py` is to need numpy only.
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        schema: schema_pb2.Schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise SchemaError(
            f"Expected {source} to hold a schema in text form. Received, at line:column {error}"
        ) from None
    names = [feature.name for feature in schema.feature]
    if not names:
        raise SchemaError(
            f"Expected {source} to hold a schema with features. Received: none. Add a `feature {{}}` each."
        )
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SchemaError(f"Expected {source} to have each feature once. Received twice: {', '.join(doubled)}.")
    untyped = [feature.name for feature in schema.feature if feature.type == schema_pb2.TYPE_UNKNOWN]
    if untyped:
        raise SchemaError(f"Expected {source} to give each feature a type. Received none for: {', '.join(untyped)}.")
    return schema
