from typing import Any

import jsonschema
import pytest

from yachay.schemas.prediction_log import record_schema
from yachay.schemas.prediction_log.mock import mock_records

VALIDATOR = jsonschema.Draft202012Validator(record_schema())


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(record_schema())


def test_mock_records_validate_and_have_missing_values() -> None:
    records = mock_records(1_000)

    for record in records:
        VALIDATOR.validate(record)
    assert any(record["Admission_grade"] is None for record in records)
    assert mock_records(1_000) == records


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prediction_protocol": "v3"}, "'v3' is not one of"),
        ({"prediction_row": -1}, "-1 is less than the minimum"),
        ({"prediction_time": "2026-01-01T00:00:00+01:00"}, "does not match 'Z"),
        ({"prediction_unknown": 1}, "'prediction_unknown' does not match any of the regexes"),
        ({"Course": {"a": 1}}, "is not of type"),
        ({"prediction_scores": "high"}, "'high' is not valid under any of the given schemas"),
    ],
)
def test_a_record_of_another_form_is_rejected(change: dict[str, Any], message: str) -> None:
    (record,) = mock_records(1)
    with pytest.raises(jsonschema.ValidationError, match=message):
        VALIDATOR.validate(record | change)


def test_a_record_without_a_prediction_is_rejected() -> None:
    (record,) = mock_records(1)
    del record["prediction_scores"]
    with pytest.raises(jsonschema.ValidationError, match="is not valid under any of the given schemas"):
        VALIDATOR.validate(record)
