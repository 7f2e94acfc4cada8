from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import Markup

from yachay.components.evaluation_report.section import SectionInputs, build_section, render_section
from yachay.components.example_gen.write import ExampleWriter
from yachay.components.features import FeatureKind
from yachay.components.prediction_task import Label, PredictionTask
from yachay.pipelines.education_access.report import SECTIONS
from yachay.pipelines.education_access.spatial import moran
from yachay.pipelines.registry import find_pipeline

pytestmark = pytest.mark.integration

FEATURES = {"rural_pct": FeatureKind.NUMERIC}
SHARE = PredictionTask(problem="regression", label=Label(name="secondary_pct"), features=FEATURES)
BARRIER = PredictionTask(
    problem="classification", label=Label(name="barrier", values=("barrier", "no_barrier")), features=FEATURES
)


@pytest.fixture
def inputs_of(tmp_path: Path, made_up) -> Any:
    """Makes what a section is built from, of all districts of the made-up country."""
    import pyarrow as pa

    pipeline = find_pipeline("education_access")
    schema = pipeline.schema(pipeline.load())
    records = made_up.records.reset_index()
    writer = ExampleWriter(tmp_path, 1)
    batch = pa.RecordBatch.from_pandas(records, preserve_index=False)
    writer.write(batch, np.ones(len(batch), bool))
    writer.close()

    def make(task: PredictionTask, labels: Any, predictions: Any) -> SectionInputs:
        files = sorted(str(path) for path in (tmp_path / "Split-eval").iterdir())
        return SectionInputs(task, labels, predictions, files, "", schema, {}, None, 42)  # type: ignore[arg-type]

    make.records = records  # type: ignore[attr-defined]
    return make


def built(inputs: SectionInputs) -> dict[str, Any]:
    found = {section.name: build_section(section, inputs) for section in SECTIONS}
    assert {name: data.problem for name, data in found.items()} == dict.fromkeys(found, "")
    for section in SECTIONS:
        fragment, problem = render_section(section, found[section.name])
        assert (problem, fragment.startswith(Markup("<div"))) == ("", True)
        assert "None" not in fragment
    return {name: data.data for name, data in found.items()}


def test_the_ranking_stands_beside_poverty_income_and_the_census(inputs_of) -> None:
    shares = inputs_of.records["secondary_pct"].to_numpy()

    data = built(inputs_of(SHARE, shares, 0.9 * shares.astype(np.float64)))

    model, *others = data["ranking"]
    assert (model["name"], model["precision_top_100"]["value"]) == ("model", 1.0)
    found = model["auc_worst_fifth"]
    assert (found["value"], found["high"]) == (1.0, 1.0)
    # Even where no district is ranked wrong, so few departments do not show that none would be.
    assert 0.7 < found["low"] < 0.95
    assert [line["name"] for line in others] == ["poverty_pct", "household_income_soles", "secondary_reached_pct"]
    for line in others:
        area, ahead = line["auc_worst_fifth"], line["ahead"]
        assert 0.5 < area["low"] < area["value"] < area["high"] < 1
        assert ahead["value"] == pytest.approx(1 - area["value"])
        assert -0.05 < ahead["low"] < ahead["value"] < ahead["high"] < 0.5


def test_intervals_resample_whole_departments(inputs_of) -> None:
    """Where all districts of a department are missed alike, an interval of single districts would be far narrower."""
    shares = inputs_of.records["secondary_pct"].to_numpy().astype(np.float64)
    _, departments = np.unique(inputs_of.records["department"], return_inverse=True)
    missed = np.random.default_rng(0).normal(0, 5, departments.max() + 1)[departments]
    is_highland = (inputs_of.records["natural_region"] == "highlands").to_numpy()

    highlands = built(inputs_of(SHARE, shares.astype(np.float32), shares + missed))["regions"][1]

    of_departments = 5 / np.sqrt(len(set(departments[is_highland])))
    found = highlands["difference"]
    assert 2 * of_departments < found["high"] - found["low"] < 6 * of_departments
    assert found["low"] < found["value"] < found["high"]


def test_calibration_is_that_of_each_natural_region(inputs_of) -> None:
    shares = inputs_of.records["secondary_pct"].to_numpy().astype(np.float64)
    is_coast = (inputs_of.records["natural_region"] == "coast").to_numpy()

    data = built(inputs_of(SHARE, shares.astype(np.float32), shares + 5 * is_coast))

    coast, highlands, rainforest = data["regions"]
    assert (coast["region"], coast["districts"]) == ("coast", is_coast.sum())
    assert coast["difference"]["value"] == pytest.approx(5, abs=1e-4)
    assert (coast["difference"]["low"], coast["difference"]["is_too_few"]) == (None, True)
    assert [highlands["difference"][end] for end in ("value", "low", "high")] == pytest.approx([0, 0, 0], abs=1e-4)
    assert highlands["departments"] >= 10 > coast["departments"]
    assert rainforest["slope"]["value"] == pytest.approx(1, abs=1e-4)
    assert highlands["auc"]["value"] == 1
    assert sum(line["worst"] for line in data["regions"]) == round(0.2 * len(shares))


def test_intervals_of_districts_hold_what_they_say_by_region_size_and_department(inputs_of) -> None:
    shares = inputs_of.records["secondary_pct"].to_numpy().astype(np.float64)
    _, departments = np.unique(inputs_of.records["department"], return_inverse=True)
    random = np.random.default_rng(0)
    small = 1.0 + 3.0 * (inputs_of.records["population_log10"].to_numpy() < 3.5)
    missed = small * (random.normal(0, 1, departments.max() + 1)[departments] + random.normal(0, 3, len(shares)))

    lines = built(inputs_of(SHARE, shares.astype(np.float32), shares + missed))["intervals"]

    of = {kind: [line for line in lines if line["kind"] == kind] for kind in ("all", "region", "size", "department")}
    assert of["all"][0]["held"]["value"] == pytest.approx(80, abs=3)
    assert [line["name"] for line in of["region"]] == ["coast", "highlands", "rainforest"]
    assert of["size"][0]["width"] > 2 * of["size"][-1]["width"]
    assert [line["held"]["value"] for line in of["size"]] == pytest.approx([80] * 5, abs=15)
    assert len(of["department"]) == departments.max() + 1
    for kind in ("region", "size", "department"):
        assert sum(line["districts"] for line in of[kind]) == len(shares)


def test_a_classification_has_the_same_sections(inputs_of) -> None:
    is_barrier = (inputs_of.records["barrier"] == "barrier").to_numpy()
    scores = np.where(is_barrier, 0.9, 0.1)

    data = built(inputs_of(BARRIER, np.where(is_barrier, 0, 1), np.stack([scores, 1 - scores], axis=1)))

    assert data["ranking"][0]["auc_worst_fifth"]["value"] == 1.0
    assert data["regions"][0]["observed"]["value"] == pytest.approx(
        is_barrier[inputs_of.records["natural_region"] == "coast"].mean()
    )


def test_what_neighbours_share_is_found_in_the_outcome_and_in_the_residuals(inputs_of) -> None:
    shares = inputs_of.records["secondary_pct"].to_numpy()
    noise = np.random.default_rng(0).normal(0, 5, len(shares))

    outcome, residual = built(inputs_of(SHARE, shares, shares + noise))["space"]

    assert outcome["statistic"] > 0.2
    assert outcome["p_value"] == 0.001
    assert residual["p_value"] > 0.05


def test_labels_of_other_records_are_rejected(inputs_of) -> None:
    shares = inputs_of.records["secondary_pct"].to_numpy()

    data = build_section(SECTIONS[0], inputs_of(SHARE, shares[::-1], shares.astype(np.float64)))

    assert data.problem.startswith("DataError: Expected the 552 evaluated records in the examples.")


def test_morans_i_is_that_of_the_definition() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0])
    neighbours = np.array([[1, 2], [0, 2], [1, 3], [2, 1]])
    centred = values - values.mean()
    expected = sum(centred[i] * centred[j] / 2 for i, row in enumerate(neighbours) for j in row) / (centred**2).sum()

    found = moran(values, neighbours, seed=1, num_permutations=99)

    assert found.statistic == pytest.approx(expected)
    assert found.expected == pytest.approx(-1 / 3)
    assert 0.01 <= found.p_value <= 1


def test_values_alike_among_neighbours_are_not_by_chance() -> None:
    values = np.repeat([0.0, 1.0], 30)
    neighbours = np.array([[(i + 1) % 30 + 30 * (i // 30), (i + 2) % 30 + 30 * (i // 30)] for i in range(60)])

    assert moran(values, neighbours, seed=1).statistic == pytest.approx(1.0)
    assert moran(values, neighbours, seed=1).p_value == 0.001
