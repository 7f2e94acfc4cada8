import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from yachay.components.example_validator.anomalies import find_anomalies, reject, validate
from yachay.errors import DataError

SCHEMA = text_format.Parse(
    """
    feature { name: "age" type: INT int_domain { min: 15 max: 100 } presence { min_fraction: 1 min_count: 1 } shape {} }
    feature { name: "word" type: BYTES domain: "words" presence { min_fraction: 1 min_count: 1 } shape {} }
    string_domain { name: "words" value: "a" value: "b" }
    """,
    schema_pb2.Schema(),
)


def anomalies_of(frame: pd.DataFrame) -> anomalies_pb2.Anomalies:
    statistics = tfdv.generate_statistics_from_dataframe(frame)
    anomalies = validate(statistics, SCHEMA)
    assert anomalies == tfdv.validate_statistics(statistics, SCHEMA)
    return anomalies


def test_examples_that_fit_have_no_anomalies() -> None:
    anomalies = anomalies_of(pd.DataFrame({"age": [15, 30], "word": ["a", "b"]}))

    assert find_anomalies("train", anomalies, SCHEMA) == []


def test_an_anomaly_says_where_it_is_what_came_and_the_fix() -> None:
    anomalies = find_anomalies("train", anomalies_of(pd.DataFrame({"age": [15, 300], "word": ["a", "c"]})), SCHEMA)

    assert [anomaly.feature for anomaly in anomalies] == ["age", "word"]
    assert "300" in str(anomalies[0])
    assert "Fix: correct the values, or widen int_domain.max" in str(anomalies[0])
    assert str(anomalies[1]).startswith("word (train): ")


def test_its_outline_has_no_value_and_no_count_of_the_data() -> None:
    frame = pd.DataFrame({"age": [15, 300, None], "word": ["a", "Rosa", "b"]})
    outlines = [anomaly.outline for anomaly in find_anomalies("train", anomalies_of(frame), SCHEMA)]

    assert {line.split(":")[0] for line in outlines} == {"age (train)", "word (train)"}
    assert not any(text in line for text in ("300", "Rosa", "%", "66", "33", "1") for line in outlines)


def test_an_error_is_rejectd_and_listed() -> None:
    anomalies = find_anomalies("eval", anomalies_of(pd.DataFrame({"word": ["a"]})), SCHEMA)

    with pytest.raises(DataError, match=r"1 anomaly\.\n  - age \(eval\): .*Fix: add the column to the data"):
        reject(anomalies)


def test_of_slices_that_of_all_examples_is_validated() -> None:
    statistics = tfdv.generate_statistics_from_dataframe(pd.DataFrame({"age": [300], "word": ["a"]}))
    statistics.datasets[0].name = "All Examples"
    other = statistics.datasets.add()
    other.name = "word_a"

    assert validate(statistics, SCHEMA) == tfdv.validate_statistics(statistics, SCHEMA)

    del statistics.datasets[0]
    statistics.datasets.add().name = "word_b"
    with pytest.raises(DataError, match=r"of all examples \('All Examples'\)\. Received: those of word_a, word_b"):
        validate(statistics, SCHEMA)
