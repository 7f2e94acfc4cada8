"""Schemas: `<name>/schema.pbtxt`, and beside it `mock.py`, whose `write_mock_csv(path)` writes synthetic records."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import suggestion
from .errors import SchemaError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

SCHEMA_FILE = "schema.pbtxt"

__all__ = ["SCHEMA_FILE", "SchemaError", "known_schemas", "load_schema", "parse_schema", "read_schema", "schema_path"]


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
        raise SchemaError(
            f"Expected a schema that is shipped ({', '.join(known)}) or the path of a `.pbtxt` file. "
            f"Received: {name!r}.{suggestion(name, known)}"
        )
    return Path(__file__).parent / name / SCHEMA_FILE


def load_schema(path: Path) -> "schema_pb2.Schema":
    """Returns the schema of a file in text form.

    Raises:
        SchemaError: if the file cannot be read or does not hold a schema.
    """
    return parse_schema(read_schema(path), str(path))


def read_schema(path: Path) -> str:
    """Returns the text of a schema's file.

    Raises:
        SchemaError: if the file cannot be read or is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SchemaError(f"Expected a schema at {path}. Received: no such file. Name an existing file.") from None
    except OSError as error:
        raise SchemaError(
            f"Expected a readable schema at {path}. Received: {error.strerror or error}. Name a file that can be read."
        ) from None
    except UnicodeDecodeError as error:
        raise SchemaError(
            f"Expected {path} to hold a schema in text form, in UTF-8. Received: a binary file (byte {error.start + 1} "
            "is not UTF-8). Write the schema with `google.protobuf.text_format.MessageToString`."
        ) from None


def parse_schema(text: str, source: str = "the text") -> "schema_pb2.Schema":
    """Returns the schema of a text.

    Args:
        text: string. A `tensorflow_metadata.proto.v0.Schema` in text form.
        source: string. Where the text comes from, for the message. Defaults to `"the text"`.

    Raises:
        SchemaError: if the text is no schema, has no feature, or has one twice, without a name or of a type other than
            BYTES, INT and FLOAT.
    """
    # `mock.py` is to need numpy only.
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        schema: schema_pb2.Schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise SchemaError(
            f"Expected {source} to hold a schema in text form. Received, at line:column {error} Correct it there."
        ) from None
    names = [feature.name for feature in schema.feature]
    if not names:
        raise SchemaError(
            f"Expected {source} to hold a schema with features. Received: none. Add a `feature {{}}` for each column."
        )
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SchemaError(f"Expected {source} to have each feature once. Received twice: {', '.join(doubled)}.")
    known = (schema_pb2.BYTES, schema_pb2.INT, schema_pb2.FLOAT)
    untyped = [feature.name or "a feature without a name" for feature in schema.feature if feature.type not in known]
    if untyped:
        raise SchemaError(
            f"Expected {source} to give each feature the type BYTES, INT or FLOAT. "
            f"Received none of them for: {', '.join(untyped)}. Add `type: FLOAT`, for example."
        )
    if "" in names:
        raise SchemaError(f'Expected {source} to name each feature. Received one without. Add `name: "..."`.')
    return schema
