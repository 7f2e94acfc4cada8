"""What a report leaves out cannot be had from what it shows, on the page, in report.json and in slices.csv."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_data_validation as tfdv

from yachay.components.evaluation_report.analysis.build import build_report
from yachay.components.evaluation_report.analysis.distributions import OTHER
from yachay.components.evaluation_report.analysis.inputs import Inputs
from yachay.components.evaluation_report.report_files import write_report
from yachay.components.evaluator.suppression import Slice

from ...subtraction import solved
from ..conftest import make_table, write_examples
from .test_build import make_config

SPECS = [["sex"], ["age"], ["sex", "age"], ["school"]]


@pytest.fixture(scope="module")
def written(model_path: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder of a report with small groups of several columns, and its records."""
    folder = tmp_path_factory.mktemp("report")
    table = make_table(300)
    rng = np.random.default_rng(2)
    table["sex"] = np.where(np.arange(300) < 4, "2", table.sex.astype(str))
    table["age"] = np.where(np.arange(300) % 60 == 7, "7", table.age)
    table["school"] = rng.choice(["north", "south", "east", "west"], 300, p=[0.6, 0.36, 0.02, 0.02])
    statistics = {split: tfdv.generate_statistics_from_dataframe(table).datasets[0] for split in ("train", "eval")}
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(table))
    examples = write_examples(table, folder / "eval.gz")
    config = make_config(slices=SPECS, fairness=["sex", "school"])
    write_report(build_report(Inputs(config, model_path, [examples], statistics=statistics, schema=schema), 50), folder)
    return folder, table


def _known(report: Any) -> dict[Slice, bool]:
    """Each slice that the report names, and whether its size is shown anywhere."""
    shown: dict[Slice, bool] = {}
    parts = [(row["slice"], row["rows"]) for row in report["slices"]]
    parts += [(group["group"], group["rows"]) for one in report["fairness"] for group in one["groups"]]
    for one in report["data"]["distributions"]:
        parts += [
            ({one["feature"]: value}, True) for value in one["bins"] if one["kind"] == "categorical" and value != OTHER
        ]
    for name, rows in parts:
        key = frozenset(name.items())
        shown[key] = shown.get(key, False) or rows is not None
    return {key: is_shown for key, is_shown in shown.items() if {name for name, _ in key} <= {"sex", "age", "school"}}


def test_no_slice_that_is_left_out_follows_from_the_others(written: tuple[Path, Any]) -> None:
    folder, table = written
    report = json.loads((folder / "report.json").read_text())

    known = _known(report)

    hidden = {key for key, is_shown in known.items() if not is_shown}
    few = {key for key in known if len(key) and len(_rows(table, key)) < 10}
    assert few
    assert few < hidden
    assert solved(known, hidden, {"sex", "age", "school"}) == []
    assert solved(known, few, {"sex", "age", "school"})


def test_neither_json_nor_csv_nor_page_has_a_number_of_a_slice_that_is_left_out(written: tuple[Path, Any]) -> None:
    folder, _ = written
    report = json.loads((folder / "report.json").read_text())

    for row in (*report["slices"], *(group for one in report["fairness"] for group in one["groups"])):
        if row["is_suppressed"]:
            assert row["rows"] is None
            assert row.get("metrics", {}) == row.get("rates", {}) == {}
            assert row.get("positives") is None
    with (folder / "slices.csv").open() as file:
        lines = [line for line in csv.DictReader(file) if line["suppressed"] == "1"]
    assert lines
    assert all(set(line.values()) == {line["slice"], "1", ""} for line in lines)
    page = (folder / "report.html").read_text()
    assert page.count("left out to protect people") >= len(lines)


def test_no_bin_of_the_data_page_has_few_records(written: tuple[Path, Any]) -> None:
    folder, table = written
    report = json.loads((folder / "report.json").read_text())

    found = {one["feature"]: one for one in report["data"]["distributions"] if one["kind"] == "categorical"}
    for one in found.values():
        assert all(not 0 < round(share * len(table)) < 10 for shares in one["shares"].values() for share in shares)
    assert "2" not in found["sex"]["bins"]


def _rows(table: Any, key: Slice) -> Any:
    for name, value in key:
        table = table[table[name] == value]
    return table
