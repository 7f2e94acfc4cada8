"""The made-up files: each fault of the official ones, and each error."""

from pathlib import Path

import numpy as np
import pytest

from yachay.errors import DataError
from yachay.pipelines.education_access import layout
from yachay.pipelines.education_access.mock import write_mock
from yachay.pipelines.education_access.places import natural_regions, nearest
from yachay.pipelines.education_access.source import read
from yachay.pipelines.registry import find_pipeline

pytestmark = pytest.mark.integration

FIRST = "010101"
CENSUS, DEVELOPMENT = "educacion_basica_2017.xlsx", "idh_2019.xlsx"
INFORMATION, SERVICES, PLACES = "informacion_distritos_2020.xlsx", "indicadores-distrito.json", "ubigeo_distrito.csv"


def consume(path: Path) -> None:
    list(read(str(path), barrier_below_pct=41.2))


def test_every_district_is_one_record_with_the_columns_of_the_schema_and_values_of_its_scales(made_up) -> None:
    pipeline = find_pipeline("education_access")
    schema = pipeline.schema(pipeline.load())
    records = made_up.records.reset_index()

    assert len(records) == 23 * 3 * 8
    assert records["ubigeo"].str.fullmatch(r"\d{6}").all()
    assert set(records.columns) == {feature.name for feature in schema.feature} - set(pipeline.load().data.bins)
    for feature in schema.feature:
        if feature.HasField("float_domain"):
            values = records[feature.name].dropna()
            assert values.between(feature.float_domain.min, feature.float_domain.max).all(), feature.name
            assert len(values) >= feature.presence.min_fraction * len(records), feature.name


def test_the_label_says_which_districts_lie_below_the_cut(made_up) -> None:
    records = made_up.records

    assert (records["barrier"] == np.where(records["secondary_pct"] < 41.2, "barrier", "no_barrier")).all()


def test_a_code_without_its_leading_zero_is_repaired(made_up) -> None:
    notes = made_up.notes_of(CENSUS, change="replaced")

    assert FIRST in made_up.records.index
    assert notes[0].line == 7
    assert notes[0].record == FIRST
    assert {note.record[0] for note in notes} == {"0"}


def test_titles_totals_and_notes_are_no_districts(made_up) -> None:
    reasons = {(note.file.split(",")[0], note.reason) for note in made_up.notes if note.change == "dropped"}

    assert (CENSUS, "a total") in reasons
    assert (DEVELOPMENT, "a total of a province or department") in reasons
    assert (INFORMATION, "a total or note without a code") in reasons
    assert (PLACES, "a heading or note, no district") in reasons
    assert (SERVICES, "idh_2019.xlsx has no outcome of the district") in reasons


def test_marks_of_missing_values_are_blanked_and_noted_with_their_row(made_up) -> None:
    (hidden,) = made_up.notes_of(
        INFORMATION, change="blanked", column="Porcentaje de anemia (Niños entre 6 y 35 meses) (2018)"
    )
    (area,) = made_up.notes_of(PLACES, change="blanked")

    assert hidden.reason == "'(****)' is hidden, for it rests on fewer than five children"
    assert np.isnan(made_up.records.loc[hidden.record, "anaemia_pct"])
    assert (area.line, area.reason) == (15, "'S.I.' is no information")
    assert np.isnan(made_up.records.loc[area.record, "people_per_km2_log10"])


def test_a_dash_in_a_count_is_none_of_them(made_up) -> None:
    notes = made_up.notes_of(INFORMATION, change="replaced")

    assert {note.column for note in notes} == {"Familias compuestas"}
    assert (made_up.records.loc[[note.record for note in notes], "composite_pct"] == 0).all()


def test_a_share_is_missing_where_a_part_of_it_is(folder: Path, change_sheet, read_districts, made_up) -> None:
    column = list(layout.INFORMATION.columns).index("pit") + 3
    [ubigeo] = made_up.records.index[:1]
    assert made_up.records.loc[ubigeo, "latrine_pct"] >= 0

    change_sheet(INFORMATION, {(2, column): "-"})

    records = read_districts(folder).records
    assert np.isnan(records.loc[ubigeo, "latrine_pct"])
    assert records["latrine_pct"].iloc[1:].notna().all()


def test_services_of_the_whole_country_in_a_districts_row_are_blanked(made_up) -> None:
    notes = made_up.notes_of(SERVICES, change="blanked", reason="the row has the totals of the country")

    assert {note.record for note in notes} == {made_up.records.index[-1]}
    assert len(notes) == 7
    assert np.isnan(made_up.records["internet_pct"].iloc[-1])
    assert made_up.records["internet_pct"].iloc[:-1].notna().all()


def test_an_archive_of_the_files_is_read_as_their_folder(tmp_path: Path, made_up) -> None:
    write_mock(tmp_path / "country.zip")

    batch = list(read(str(tmp_path / "country.zip"), barrier_below_pct=41.2))[-1]

    assert batch.to_pandas().set_index("ubigeo").equals(made_up.records)


def test_neighbours_and_distances_are_those_on_the_globe() -> None:
    latitudes, longitudes = np.array([0.0, 0.0, 0.0, 60.0]), np.array([0.0, 1.0, 3.0, 0.0])

    places, distances = nearest(latitudes, longitudes, count=2)

    assert places.tolist() == [[1, 2], [0, 2], [1, 0], [0, 1]]
    assert distances[0, 0] == pytest.approx(111.19, abs=0.01)


def test_natural_regions_follow_altitude_and_side_of_the_andes() -> None:
    codes = ["150101", "150601", "160101", "120301", "120101", "060801", "060101"]

    regions = natural_regions(codes, np.array([154, 2600, 106, 632, 3271, 729, 2720]))

    assert regions.tolist() == [
        "coast", "highlands", "rainforest", "rainforest", "highlands", "rainforest", "highlands",
    ]  # fmt: skip


def test_a_missing_file_is_named_with_what_is_there(folder: Path) -> None:
    (folder / DEVELOPMENT).rename(folder / "idh_2022.xlsx")

    with pytest.raises(DataError, match=r"Expected the file idh_2019\.xlsx in .*Did you mean 'idh_2022\.xlsx'\?"):
        consume(folder)


def test_a_file_in_place_of_the_folder_is_rejected(folder: Path) -> None:
    with pytest.raises(DataError, match="to be the folder of the official files, or a zip archive of them"):
        consume(folder / PLACES)


def test_a_file_that_is_no_workbook_is_named(folder: Path) -> None:
    (folder / CENSUS).write_text("<html>Not found</html>")

    with pytest.raises(DataError, match=r"Expected educacion_basica_2017\.xlsx to be a workbook .*Download it again"):
        consume(folder)


def test_a_renamed_sheet_is_named(folder: Path, change_sheet) -> None:
    change_sheet(INFORMATION, title="Nivel Distrital 2")

    with pytest.raises(
        DataError, match=r"informacion.* to have the sheet 'Nivel Distrital'\. Received: Nivel Distrital 2"
    ):
        consume(folder)


def test_a_column_of_a_new_year_is_named_with_file_sheet_and_row(folder: Path, change_sheet) -> None:
    change_sheet(CENSUS, {(6, 6): "Varón"})

    with pytest.raises(
        DataError, match=r"Expected educacion_basica_2017\.xlsx, sheet 'Output', row 6, to have the column 'Hombre'"
    ):
        consume(folder)


def test_a_header_that_moved_is_named(folder: Path, change_sheet) -> None:
    change_sheet(DEVELOPMENT, {(4, 1): None, (5, 1): "UBIGEO"})

    with pytest.raises(DataError, match=r"sheet 'IDH 2019', row 4, to have the column 'UBIGEO'"):
        consume(folder)


def test_a_key_that_the_services_lack_is_named(folder: Path, change_services) -> None:
    change_services(lambda entries: [entry.pop("internet") for entry in entries])

    with pytest.raises(DataError, match=r"Expected indicadores-distrito\.json to have the column 'internet'"):
        consume(folder)


def test_services_that_are_no_list_are_rejected(folder: Path) -> None:
    (folder / SERVICES).write_text('{"error": 1')

    with pytest.raises(DataError, match=r"indicadores-distrito\.json to hold a list of objects, one a district"):
        consume(folder)


@pytest.mark.parametrize(("cell", "shown"), [("muchos", "'muchos'"), ("inf", "inf"), ("nan", "nan")])
def test_a_text_in_a_number_is_named_with_its_row_and_district(folder: Path, change_sheet, cell, shown) -> None:
    change_sheet(CENSUS, {(7, 4): cell})

    with pytest.raises(DataError, match=rf"the column 'Urbano censal' of .*{shown} in row 7, district 010101"):
        consume(folder)


def test_a_district_that_stands_there_twice_is_named(folder: Path, change_sheet) -> None:
    change_sheet(CENSUS, {(8, 2): 10101})

    with pytest.raises(DataError, match=r"each district once in educacion.*Received: 010101 in the rows 7 and 8"):
        consume(folder)


def test_a_district_that_one_file_lacks_is_dropped_and_noted(folder: Path, change_services, read_districts) -> None:
    change_services(lambda entries: entries.pop(0))

    districts = read_districts(folder)

    (note,) = districts.notes_of(DEVELOPMENT, reason="indicadores-distrito.json lacks the district")
    assert note.record == FIRST
    assert FIRST not in districts.records.index
    assert len(districts.records) == 551


def test_a_file_that_lacks_a_department_is_rejected(folder: Path, change_services) -> None:
    change_services(lambda entries: entries.__delitem__(slice(0, 24)))

    with pytest.raises(
        DataError, match=r"indicadores-distrito\.json to have the 552 districts of .*Received: 24 of them"
    ):
        consume(folder)
