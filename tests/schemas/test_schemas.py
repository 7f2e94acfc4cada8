from pathlib import Path

import pytest

from yachay.components.features import to_identifier
from yachay.errors import ConfigurationError
from yachay.pipelines.registry import find_pipelines
from yachay.schemas import SchemaError, known_schemas, load_schema, parse_schema, schema_path
from yachay.schemas.student_dropout.mock import COLUMNS


@pytest.mark.parametrize("name", known_schemas())
def test_every_feature_of_a_shipped_schema_is_required_and_single_valued(name: str) -> None:
    schema = load_schema(schema_path(name))

    assert all(feature.presence.min_fraction == 1 for feature in schema.feature)
    assert all(feature.HasField("shape") and not feature.shape.dim for feature in schema.feature)


def test_the_schema_of_student_dropout_has_the_columns_of_the_file_and_the_bins() -> None:
    schema = load_schema(schema_path("student_dropout"))
    config = find_pipelines()["student_dropout"].load()

    names = [feature.name for feature in schema.feature]

    assert names == [*map(to_identifier, COLUMNS), *config.data.bins]
    assert tuple(next(f for f in schema.feature if f.name == "Target").string_domain.value) == config.label.values
    assert next(f for f in schema.feature if f.name == "Age_group").string_domain.value[:2] == ["<20", "20-<23"]


def test_an_unknown_schema_is_rejected_with_the_nearest_name() -> None:
    with pytest.raises(SchemaError, match=r"Received: 'student_dropot'\. Did you mean 'student_dropout'\?"):
        schema_path("student_dropot")


def test_an_absent_schema_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"schema at .*schema\.pbtxt\. Received: no such file"):
        load_schema(tmp_path / "schema.pbtxt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a schema with features. Received: none. Add a `feature {}` for each column"),
        (b"\x0a\x80\xff\x00", r"in text form, in UTF-8\. Received: a binary file \(byte 2 is not UTF-8\)"),
        (b"\x0a\x03\x0a\x01a", r"in text form\. Received, at line:column 2:1 .* Correct it there"),
        (b'feature { name: "a"', r"in text form\. Received, at line:column 1:17"),
    ],
)
def test_a_file_that_is_no_schema_is_rejected(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "schema.pbtxt").write_bytes(content)

    with pytest.raises(SchemaError, match=message):
        load_schema(tmp_path / "schema.pbtxt")


def test_a_folder_in_place_of_a_schema_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"a readable schema at .* Received: Is a directory"):
        load_schema(tmp_path)


def test_an_error_of_a_schema_is_one_of_the_library() -> None:
    assert issubclass(SchemaError, ConfigurationError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('feature { nam: "a" }', r"in text form\. Received, at line:column 1:11 .* no field named \"nam\""),
        ("", "a schema with features. Received: none"),
        ('feature { name: "a" type: INT } feature { name: "a" type: INT }', "Received twice: a"),
        ('feature { name: "a" }', "type BYTES, INT or FLOAT. Received none of them for: a"),
        ('feature { name: "a" type: STRUCT }', "type BYTES, INT or FLOAT. Received none of them for: a"),
        ("feature { type: INT }", "to name each feature. Received one without"),
    ],
)
def test_a_text_that_is_no_schema_is_rejected(text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        parse_schema(text)
