"""Files of a network as observations: units, words, offsets, a clock change, calendars, blocks, what cannot be read."""

import bz2
import dataclasses
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_networks import hours, network

from yachay.errors import ConfigurationError, DataError
from yachay.pipelines.weather.network import Network, conversion
from yachay.pipelines.weather.source import to_network
from yachay.pipelines.weather.station_files import list_blocks, read_block, to_utc

Files = Callable[[dict[str, pd.DataFrame]], Path]


def observations(path: Path, of: Network, block_bytes: int = 2**20) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = [read_block(block, of) for block in list_blocks([str(path)], of, block_bytes)]
    return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))  # type: ignore[return-value]


def test_blocks_of_any_size_hold_each_row_once(files: Files) -> None:
    table = pd.concat([hours("Ñuñoa", 50), hours("B", 30)])
    folder = files({"a.csv": table})
    whole, _ = observations(folder, network())
    assert len(whole) == 80
    for block_bytes in (37, 38, 40, 1000):
        parts, _ = observations(folder, network(), block_bytes)
        pd.testing.assert_frame_equal(parts.astype({"station": object}), whole.astype({"station": object}))


def test_values_are_converted_from_the_unit_that_the_mapping_states(files: Files) -> None:
    table = hours("A", 3).assign(T=[32.0, 50.0, np.nan], R=["T", "1", "NA"], W=["N", "ssw", "NA"], V=["10", "0", "5"])
    of = network(
        variables={
            "temperature_c": {"column": "T", "unit": "degF"},
            "rain_mm": {"column": "R", "unit": "inch", "values": {"T": 0.01}},
            "wind_direction_deg": {"column": "W", "unit": "compass"},
            "wind_speed_m_s": {"column": "V", "unit": "knot"},
        }
    )
    read, rejected = observations(files({"a.csv": table}), of)
    np.testing.assert_allclose(read["temperature_c"], [0, 10, np.nan], atol=1e-5)
    np.testing.assert_allclose(read["rain_mm"], [0.254, 25.4, np.nan], atol=1e-5)
    np.testing.assert_allclose(read["wind_direction_deg"], [0, 202.5, np.nan])
    np.testing.assert_allclose(read["wind_speed_m_s"], [5.14444, 0, 2.57222], atol=1e-4)
    assert rejected.empty


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variables": {"temperatur_c": {"column": "T", "unit": "degC"}}}, "Did you mean 'temperature_c'"),
        ({"variables": {"temperature_c": {"column": "T", "unit": "hPa"}}}, "a unit that converts to degC"),
        ({"variables": {"temperature_c": {"column": "T", "unit": "grados"}}}, "a unit such as degC"),
        ({"variables": {"rain_mm": {"column": "T", "unit": "compass"}}}, "no compass"),
        ({"clock": {"columns": ["at"], "zone": "Beijing"}}, "the name of a time zone"),
        ({"clock": {"columns": ["at"], "zone": "+8 h"}}, "an offset such as"),
        ({"separator": "::"}, "at most 1 character"),
        ({"variables": {"rain_mm": {"column": "T", "unit": "mm/("}}}, "a unit such as mm"),
        ({"clock": {"columns": ["y", "m"], "zone": "UTC"}}, "year, month and day"),
        ({"station_name": "A"}, "either the column of the name or `station_name`"),
    ],
)
def test_a_mapping_that_does_not_fit_is_an_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        network(**changes)


def test_an_unknown_network_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"one of beijing, cajamarca.*Did you mean 'beijing'"):
        to_network("beijin")


def test_units_agree_with_their_definitions() -> None:
    assert conversion("degF", "degC") == pytest.approx((5 / 9, -160 / 9))
    assert conversion("mmHg", "hPa") == pytest.approx((1.33322, 0), abs=1e-4)


def test_a_time_with_an_offset_is_its_own_and_one_without_is_of_the_zone(files: Files) -> None:
    table = hours("A", 3).assign(at=["2024-01-01T00:00:00+08:00", "2024-01-01T00:00:00", "2024-01-01T00:00:00Z"])
    read, _ = observations(files({"a.csv": table}), network(clock={"columns": ["at"], "zone": "-05:00"}))
    assert to_utc(read, "-05:00").strftime("%d %H").tolist() == ["31 16", "01 05", "01 00"]


def test_an_offset_of_hours_alone_is_one(files: Files) -> None:
    table = hours("A", 3).assign(at=["2024-01-01T00:00+08", "2024-01-01 00-05", "2024-01-01"])
    read, rejected = observations(files({"a.csv": table}), network())
    assert to_utc(read, "UTC").strftime("%d %H").tolist() == ["31 16", "01 05", "01 00"]
    stated = network(clock={"columns": ["at"], "format": "%d.%m.%Y %H:%M %z", "zone": "UTC"})
    table = hours("A", 2).assign(at=["01.02.2024 00:00 +0800", "01.02.2024 00:00 +0900"])
    read, rejected = observations(files({"a.csv": table}), stated)
    assert (read["time"].dt.strftime("%d %H").tolist(), len(rejected)) == (["31 16", "31 15"], 0)


def test_the_hour_that_a_clock_change_repeats_is_told_by_its_order(files: Files) -> None:
    local = ["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00", "2024-03-31 02:00"]
    table = hours("A", 5).assign(at=local)
    of = network(clock={"columns": ["at"], "format": "%Y-%m-%d %H:%M", "zone": "Europe/Madrid"})
    read, _ = observations(files({"a.csv": table}), of)
    times = to_utc(read, "Europe/Madrid")
    assert times[:4].strftime("%d %H").tolist() == ["26 23", "27 00", "27 01", "27 02"]
    assert times[4] is pd.NaT  # The night of the other change has no such hour.


def test_a_few_texts_that_are_no_number_are_rejected_and_many_are_an_error(files: Files) -> None:
    table = hours("A", 100).astype({"T": object, "R": object})
    table.loc[7, "T"] = "broken"
    table.loc[9, "at"] = "never"
    read, rejected = observations(files({"a.csv": table}), network())
    assert len(read) == 99
    assert np.isnan(read["temperature_c"][7])
    assert rejected[["column", "reason"]].to_numpy().tolist() == [["at", "no time"], ["T", "no number"]]
    assert "broken" in rejected["record"].iloc[1]
    table.loc[:20, "T"] = "S/D"
    with pytest.raises(DataError, match=r"numbers in the column 'T' of a\.csv\. Received: 'S/D'.*`missing`"):
        observations(files({"a.csv": table}), network())


def test_a_station_may_be_called_na_and_none_without_a_name_is_lost(files: Files) -> None:
    table = hours("NA", 100).astype({"name": object})
    table.loc[3:4, "name"] = ["", " "]
    read, rejected = observations(files({"a.csv": table}), network())
    assert read["station"].value_counts().to_dict() == {"NA": 98}
    assert rejected["reason"].tolist() == ["no station"] * 2
    table["name"] = ""
    with pytest.raises(DataError, match="names of stations in the column 'name'"):
        observations(files({"a.csv": table}), network())


def test_times_that_cannot_be_read_are_an_error_and_few_in_a_small_part_are_not(files: Files) -> None:
    table = hours("A", 100)
    table.loc[99, "at"] = "never"
    folder = files({"a.csv": table})
    for block_bytes in (40, 2**20):
        read, rejected = observations(folder, network(), block_bytes)
        assert (len(read), rejected["text"].tolist()) == (99, ["never"])
    table["at"] = "01/02/2024 00:00"
    with pytest.raises(DataError, match=r"Expected times in the column 'at' of a\.csv.*`clock`"):
        observations(files({"a.csv": table}), network())


def test_a_compressed_file_is_read_whole_whatever_a_block_is(tmp_path: Path) -> None:
    content = hours("A", 200).to_csv(index=False).encode()
    for name, compress in (("a.csv.bz2", bz2.compress), ("a.csv.xz", lzma.compress), ("a.csv.gz", gzip.compress)):
        (tmp_path / name).write_bytes(compress(content))
        read, _ = observations(tmp_path / name, network(), 100)
        assert len(read) == 200


def test_a_folder_may_have_the_marks_of_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "a[1] *"
    folder.mkdir()
    hours("A", 20).to_csv(folder / "x[2].csv", index=False)
    for path in (folder, folder / "x[2].csv"):
        assert len(observations(path, network())[0]) == 20


def test_a_column_that_is_missing_is_named_with_a_suggestion(files: Files) -> None:
    with pytest.raises(DataError, match=r"the column 'T' in a\.csv\. Received: name, at, temp, R"):
        observations(files({"a.csv": hours("A", 5).rename(columns={"T": "temp"})}), network())


def test_parquet_and_gzip_hold_what_csv_holds(tmp_path: Path) -> None:
    table = hours("A", 20)
    content = table.to_csv(index=False)
    (tmp_path / "a.csv").write_text("\ufeff" + content.replace("\n", "\r\n"))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(content.encode()))
    table.to_parquet(tmp_path / "c.parquet")
    expected, _ = observations(tmp_path / "a.csv", network())
    for name in ("b.csv.gz", "c.parquet"):
        read, rejected = observations(tmp_path / name, network())
        assert rejected.empty
        np.testing.assert_allclose(read["temperature_c"], expected["temperature_c"])
        assert read["time"].tolist() == expected["time"].tolist()


def test_a_file_of_another_separator_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name;at;T;R\nA;2020-01-01 00:00;1;0\n")
    with pytest.raises(DataError, match=r"Received: name;at;T;R\. State the `separator`"):
        observations(tmp_path, network())


@pytest.mark.parametrize("separator", [";", ","])
def test_decimal_commas_and_another_encoding_are_read_as_the_mapping_states(tmp_path: Path, separator: str) -> None:
    table = hours("Ñuñoa", 4).assign(T=["1,5", "-99,9", "-99,90", "x"], R=["0,2", "T", "NA", "0"])
    table.to_csv(tmp_path / "a.csv", index=False, sep=separator, encoding="latin-1")
    given = {"separator": separator, "decimal": ",", "encoding": "latin-1", "missing": ["NA", "-99,9"]}
    block = list_blocks([str(tmp_path)], network(**given), 2**20)[0]
    # A block of a file of some size, in which one text is not yet another unit.
    read, rejected = read_block(dataclasses.replace(block, stop=(tmp_path / "a.csv").stat().st_size), network(**given))
    assert set(read["station"]) == {"Ñuñoa"}
    np.testing.assert_allclose(read["temperature_c"], [1.5, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(read["rain_mm"], [0.2, 0.05, np.nan, 0])
    assert rejected["text"].tolist() == ["x"]
    with pytest.raises(DataError, match="State its `encoding`"):
        observations(tmp_path, network(**given | {"encoding": "utf-8"}))
    with pytest.raises(DataError, match="Correct the mapping: `decimal`"):
        observations(tmp_path, network(**given | {"decimal": ".", "missing": ["NA"]}))


def test_the_sheet_of_an_excel_file_is_the_first_that_has_the_columns(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame({"note": ["read me"]}).to_excel(book, sheet_name="notes", index=False)
        hours("A", 5).to_excel(book, sheet_name="data", index=False)
    assert len(observations(tmp_path / "a.xlsx", network())[0]) == 5


@pytest.mark.parametrize("form", [None, "%d/%m/%Y %H:%M:%S"])
def test_the_end_of_a_day_is_the_midnight_of_the_next(files: Files, form: str | None) -> None:
    day = "31/12/2023" if form else "2023-12-31"
    table = hours("A", 3).assign(at=[f"{day} 22:00:00", f"{day} 23:00:00", f"{day} 24:00:00"])
    clock = {"columns": ["at"], "zone": "UTC"} | ({"format": form} if form else {})
    read, rejected = observations(files({"a.csv": table}), network(clock=clock))
    assert read["time"].tolist() == [pd.Timestamp("2023-12-31 22:00") + pd.Timedelta(hours=n) for n in range(3)]
    assert rejected.empty


def test_a_column_that_stands_twice_and_an_empty_file_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,at,T,R,T\nA,2024-01-01T00:00:00,1,0,2\n")
    (tmp_path / "b.csv").touch()
    for name, message in (("a.csv", "'T' once in a.csv. Received: 2"), ("b.csv", "Received: an empty file")):
        with pytest.raises(DataError, match=message):
            observations(tmp_path / name, network())


def test_no_file_and_a_broken_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="files of the network at"):
        list_blocks([str(tmp_path)], network(), 100)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"a readable file broken\.parquet"):
        observations(tmp_path / "broken.parquet", network())


def test_a_calendar_is_a_row_a_day(tmp_path: Path) -> None:
    months = [
        "ENERO",
        "FEBRERO",
        "MARZO",
        "ABRIL",
        "MAYO",
        "JUNIO",
        "JULIO",
        "AGOSTO",
        "SETIEMBRE",
        "OCTUBRE",
        "NOVIEMBRE",
        "DICIEMBRE",
    ]
    sheet = pd.DataFrame({"YEAR": 2023.0, "DIA": np.arange(1.0, 32), **dict.fromkeys(months, 1.5)}).astype(object)
    for month in ("FEBRERO", "ABRIL", "JUNIO", "SETIEMBRE", "NOVIEMBRE"):
        sheet.loc[28 if month == "FEBRERO" else 30 :, month] = None
    sheet.loc[4, "ENERO"], sheet.loc[5, "MARZO"] = "S/D", "T"
    with pd.ExcelWriter(tmp_path / "wide.xlsx") as writer:
        sheet.to_excel(writer, sheet_name="LLUVIA", index=False)
    of = network(
        layout="calendar", files="*.xlsx", station=None, station_name="S", step="1d", missing=["S/D", ""],
        clock={"columns": ["YEAR", "DIA"], "zone": "-05:00"},
        variables={"rain_mm": {"column": "LLUVIA", "unit": "mm", "values": {"T": 0.045}}},
    )  # fmt: skip
    read, rejected = observations(tmp_path, of)
    assert (len(read), len(rejected)) == (365, 0)
    values = read.set_index("time")["rain_mm"]
    assert np.isnan(values["2023-01-05"])
    assert values["2023-03-06"] == pytest.approx(0.045)
    sheet.loc[30, "JUNIO"] = 7.5
    with pd.ExcelWriter(tmp_path / "wide.xlsx") as writer:
        sheet.to_excel(writer, sheet_name="LLUVIA", index=False)
    read, rejected = observations(tmp_path, of)
    assert (len(read), rejected[["text", "reason"]].to_numpy().tolist()) == (365, [["2023-6-31", "no time"]])
    with pd.ExcelWriter(tmp_path / "wide.xlsx") as writer:
        pd.concat([sheet, sheet]).to_excel(writer, sheet_name="LLUVIA", index=False)
    with pytest.raises(DataError, match=r"each day once in the sheet 'LLUVIA'.*2023-01-01 twice"):
        observations(tmp_path, of)
    with pd.ExcelWriter(tmp_path / "wide.xlsx") as writer:
        sheet.to_excel(writer, sheet_name="LLUVIA", index=False)
    other = of.model_copy(
        update={"variables": {"rain_mm": of.variables["rain_mm"].model_copy(update={"column": "LLUVIAS"})}}
    )
    with pytest.raises(DataError, match=r"the sheet 'LLUVIAS'.*Did you mean 'LLUVIA'"):
        observations(tmp_path, other)


@pytest.mark.parametrize("rain", ["0.1", "T"])
def test_a_number_that_means_no_value_does_so_however_it_is_written(files: Files, rain: str) -> None:
    table = hours("A", 6).assign(T=["1.0", "-9999", "-9999.0", "-9999.00", "2.5", "0"], R=[rain, *["-9999.0"] * 5])
    read, rejected = observations(files({"a.csv": table}), network(missing=["", "-9999"]))
    np.testing.assert_array_equal(read["temperature_c"], np.float32([1, np.nan, np.nan, np.nan, 2.5, 0]))
    assert read["rain_mm"].notna().tolist() == [True] + [False] * 5
    assert rejected.empty


@pytest.mark.parametrize("note", ["x\ny", "x\nB,2030-01-01T00:00:00,9,9,z"])
def test_a_line_break_within_quotes_is_read_whole_or_an_error(files: Files, note: str) -> None:
    folder = files({"a.csv": hours("A", 30).assign(note=["ok"] * 10 + [note] * 5 + ["ok"] * 15)})
    assert len(observations(folder, network())[0]) == 30
    messages = set()
    for block_bytes in range(40, 700, 30):
        try:
            assert len(observations(folder, network(), block_bytes)[0]) == 30
        except DataError as error:
            messages.add(str(error).split(",")[0])
    assert messages == {"Expected no line break within quotes in a.csv"}
