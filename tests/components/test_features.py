import keyword

import pytest

from yachay.components.features import to_identifier, to_identifiers
from yachay.errors import DataError


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("Mother's qualification", "Mother_s_qualification"),
        ("Daytime/evening attendance\t", "Daytime_evening_attendance"),
        ("Curricular units 1st sem (credited)", "Curricular_units_1st_sem_credited"),
        ("GDP", "GDP"),
        ("1st grade", "n1st_grade"),
        ("class", "class_"),
    ],
)
def test_a_column_name_becomes_an_identifier(name: str, identifier: str) -> None:
    assert to_identifier(name) == identifier
    assert identifier.isidentifier()
    assert not keyword.iskeyword(identifier)


def test_two_names_with_one_identifier_are_rejected() -> None:
    with pytest.raises(DataError, match="'a b' and 'a-b', which are both 'a_b' as identifiers"):
        to_identifiers(["a b", "a-b"])


def test_a_name_without_a_letter_or_digit_is_rejected() -> None:
    with pytest.raises(DataError, match=r"Received: '--'\. Name the column"):
        to_identifiers(["--"])
