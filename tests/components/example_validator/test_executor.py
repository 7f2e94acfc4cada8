"""The gate's files beside those of TFX's own component."""

from pathlib import Path

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tfx.components.example_validator.executor import Executor as StockExecutor
from tfx.types import standard_artifacts

from yachay.components.example_validator.anomalies import read_anomalies
from yachay.components.example_validator.executor import Executor
from yachay.errors import DataError

SCHEMA = """
feature { name: "age" type: INT int_domain { min: 15 max: 100 } presence { min_fraction: 1 } shape {} }
"""


def validate(executor: object, ages: dict[str, list[int]], folder: Path) -> standard_artifacts.ExampleAnomalies:
    (folder / "schema").mkdir(parents=True)
    (folder / "schema/schema.pbtxt").write_text(SCHEMA)
    statistics = standard_artifacts.ExampleStatistics()
    schema, anomalies = standard_artifacts.Schema(), standard_artifacts.ExampleAnomalies()
    statistics.uri, schema.uri, anomalies.uri = (str(folder / name) for name in ("statistics", "schema", "anomalies"))
    statistics.split_names, statistics.span = '["train", "eval"]', 3
    for split, values in ages.items():
        (folder / "statistics" / f"Split-{split}").mkdir(parents=True)
        (folder / "statistics" / f"Split-{split}" / "FeatureStats.pb").write_bytes(
            tfdv.generate_statistics_from_dataframe(pd.DataFrame({"age": values})).SerializeToString()
        )
    try:
        executor.Do({"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {})
    finally:
        assert (anomalies.span, anomalies.split_names) == (3, statistics.split_names)
    return anomalies


def test_examples_that_fit_pass_with_the_files_of_tfx(tmp_path: Path):
    ages = {"train": [15, 20], "eval": [99]}
    ours, stock = (validate(kind(), ages, tmp_path / kind.__module__) for kind in (Executor, StockExecutor))

    blessed = [anomalies.get_json_value_custom_property("blessed") for anomalies in (ours, stock)]
    assert blessed[0] == blessed[1] == {"train": 1, "eval": 1}
    for split in ages:
        assert read_anomalies(ours.uri, split) == read_anomalies(stock.uri, split)


def test_an_error_stops_the_run_after_its_files_are_written(tmp_path: Path):
    ages = {"train": [15, 20], "eval": [200]}
    stock = validate(StockExecutor(), ages, tmp_path / "stock")

    with pytest.raises(DataError, match=r"1 anomaly\.\n  - age \(eval\): .*200"):
        validate(Executor(), ages, tmp_path / "ours")

    assert stock.get_json_value_custom_property("blessed") == {"train": 1, "eval": 0}
    for split in ages:
        assert read_anomalies(str(tmp_path / "ours/anomalies"), split) == read_anomalies(stock.uri, split)
