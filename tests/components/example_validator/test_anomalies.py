import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from yachay.components.example_validator.anomalies import find_anomalies, reject
from yachay.errors import DataError

SCHEMA = text_format.Parse(
    """
    feature { name: "age" type: INT int_domain { min: 15 max: 100 } presence { min_fraction: 1 min_count: 1 } shape {} }
    feature { name: "word" type: BYTES domain: "words" presence { min_fraction: 1 min_count: 1 } shape {} }
    string_domain { name: "words" value: "a" value: "b" }
    """,
    schema_pb2.Schema(),
)


def validate(frame: pd.DataFrame) -> anomalies_pb2.Anomalies:
    return tfdv.validate_statistics(tfdv.generate_statistics_from_dataframe(frame), SCHEMA)


def test_examples_that_fit_have_no_anomalies() -> None:
    anomalies = validate(pd.DataFrame({"age": [15, 30], "word": ["a", "b"]}))

    assert find_anomalies("train", anomalies, SCHEMA) == []


def test_an_anomaly_says_where_it_is_what_came_and_the_fix() -> None:
    anomalies = find_anomalies("train", validate(pd.DataFrame({"age": [15, 300], "word": ["a", "c"]})), SCHEMA)

    assert [anomaly.feature for anomaly in anomalies] == ["age", "word"]
    assert "300" in str(anomalies[0])
    assert "Fix: correct the values, or widen int_domain.max" in str(anomalies[0])
    assert str(anomalies[1]).startswith("word (train): ")


def test_an_error_is_rejectd_and_listed() -> None:
    anomalies = find_anomalies("eval", validate(pd.DataFrame({"word": ["a"]})), SCHEMA)

    with pytest.raises(DataError, match=r"1 anomaly\.\n  - age \(eval\): .*Fix: add the column to the data"):
        reject(anomalies)
