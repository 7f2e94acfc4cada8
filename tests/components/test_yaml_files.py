"""Files of one YAML mapping."""

import pytest

from yachay.components.yaml_files import line_of, read_mapping
from yachay.errors import ConfigurationError


def read(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return read_mapping(path, "a list", "Write one.")


def test_a_location_has_its_line_also_behind_a_merge(tmp_path):
    document, root = read(tmp_path, "base: &base {b: 1}\nown:\n  <<: *base\n  b: 2\n  c: [1,\n 2]\n")
    assert document["own"] == {"b": 2, "c": [1, 2]}
    assert [line_of(root, path) for path in (("own", "b"), ("own", "c", 1), ("none",))] == [4, 6, 1]


def test_a_key_that_stands_there_twice_is_named_with_its_lines(tmp_path):
    with pytest.raises(ConfigurationError, match=r"file\.yaml is invalid:\n  - b: expected it once.*lines 2 and 4"):
        read(tmp_path, "a:\n  b: 1\n  c: 2\n  b: 3\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1]", "hold a YAML mapping. Received: list"), ("", "Received: NoneType"), ("a: [", "a readable YAML file")],
)
def test_what_is_no_mapping_is_rejected(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named_with_the_fix(tmp_path):
    with pytest.raises(ConfigurationError, match=r"Expected a list at .*no such file\. Write one\."):
        read_mapping(tmp_path / "none.yaml", "a list", "Write one.")
