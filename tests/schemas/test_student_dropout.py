import os
from pathlib import Path

import numpy as np
import pytest

from yachay.components.features import to_identifier
from yachay.schemas import load_schema, schema_path
from yachay.schemas.student_dropout.mock import COLUMNS, OUTCOMES, mock_table, write_mock_csv


def test_the_same_seed_gives_the_same_records() -> None:
    first, second, other = mock_table(50, seed=1), mock_table(50, seed=1), mock_table(50, seed=2)

    assert all(np.array_equal(first[name], second[name]) for name in COLUMNS)
    assert not np.array_equal(first["Admission grade"], other["Admission grade"])


@pytest.mark.parametrize("num_rows", [1, 7, 300])
def test_the_number_of_records_is_free(num_rows: int) -> None:
    table = mock_table(num_rows)

    assert tuple(table) == COLUMNS
    assert {len(column) for column in table.values()} == {num_rows}


def test_no_records_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"`num_rows` to be 1 or more\. Received: 0"):
        mock_table(0)


def test_outcomes_have_the_published_shares() -> None:
    target = mock_table(20_000)["Target"]

    shares = [np.mean(target == outcome) for outcome in OUTCOMES]

    assert shares == pytest.approx([0.321, 0.179, 0.499], abs=0.02)


def test_every_value_lies_in_its_domain() -> None:
    table = {to_identifier(name): values for name, values in mock_table(20_000).items()}

    for feature in load_schema(schema_path("student_dropout")).feature:
        domain = feature.int_domain if feature.HasField("int_domain") else feature.float_domain
        if feature.name in table and feature.name != "Target":
            assert domain.min <= table[feature.name].min(), feature.name
            assert table[feature.name].max() <= domain.max, feature.name


def test_a_semester_is_coherent() -> None:
    table = mock_table(5000)

    for semester in ("1st", "2nd"):
        units = {name: table[f"Curricular units {semester} sem ({name})"] for name in ("enrolled", "approved", "grade")}
        assert (units["approved"] <= units["enrolled"]).all()
        assert ((units["grade"] > 0) == (units["approved"] > 0)).all()


def test_the_file_has_the_form_of_the_published_one(tmp_path: Path) -> None:
    write_mock_csv(tmp_path / "mock.csv", num_rows=3)

    raw = (tmp_path / "mock.csv").read_bytes()
    lines = raw.decode("utf-8-sig").split("\r\n")

    assert raw.startswith(b"\xef\xbb\xbf")
    assert len(lines) == 5
    assert lines[-1] == ""
    assert '"Daytime/evening attendance\t"' in lines[0].split(";")
    assert {line.count(";") for line in lines[:-1]} == {len(COLUMNS) - 1}


@pytest.mark.skipif("YACHAY_DATA" not in os.environ, reason="YACHAY_DATA names no folder of real data")
def test_the_header_is_that_of_the_published_file(tmp_path: Path) -> None:
    write_mock_csv(tmp_path / "mock.csv", num_rows=1)
    real = Path(os.environ["YACHAY_DATA"]) / "student_dropout" / "data.csv"

    assert (tmp_path / "mock.csv").read_bytes().splitlines()[0] == real.read_bytes().splitlines()[0]
