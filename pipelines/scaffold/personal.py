"""Which columns look like personal data or describe groups of persons, by their names and the shape of their values."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from .names import words_of
from .wording import say

MIN_SHARE = 0.5
MIN_DOCUMENTS = 50

_NAMES = {
    "names of persons": r"(first|last|full|sur|family|student|patient|client|teacher)_?name|nombres?|apellidos?",
    "e-mail addresses": r"e_?mail|correo(_electronico)?",
    "telephone numbers": r"(tele)?phone(_number)?|mobile|telefono|celular",
    "document numbers": r"dni|passport(_number)?|pasaporte|ssn|social_security(_number)?|nif|ruc|national_id",
    "addresses": r"(street|home|postal)_?address|direccion|domicilio",
    "dates of birth": r"(date_of_)?birth(_?date|day)?|dob|fecha_(de_)?nacimiento|nacimiento",
}
_SHAPES = {
    "e-mail addresses": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "telephone numbers": r"^\+\d{1,3}[ -]?\(?\d{1,4}\)?([ -]?\d{2,4}){2,4}$",
}
_DOCUMENT_DIGITS = (7, 12)
_PROTECTED = (
    r"(^|_)(gender|sex|ethnicity|ethnic|race|religion|nacionality|nationality|disability|native_language|mother_tongue|"
    r"genero|sexo|etnia|raza|religion|nacionalidad|discapacidad|lengua_materna)(_|$)"
)
_BESIDE = r"(^|_)(age|edad|marital_status|estado_civil)(_|$)"


def personal_data(name: str, array: pa.Array) -> str:
    """Returns what personal data a column looks like; empty if it does not.

    Args:
        name: string. In the file.
        array: `pyarrow.Array` of its values, null where there is none.
    """
    words = words_of(name)
    for kind, pattern in _NAMES.items():
        if re.fullmatch(pattern, words):
            return say(kind)
    if pa.types.is_string(array.type) and len(array) > array.null_count:
        present = array.drop_null()
        for kind, pattern in _SHAPES.items():
            if pc.mean(pc.match_substring_regex(present, pattern).cast(pa.float64())).as_py() >= MIN_SHARE:
                return say(kind)
    return say("document numbers") if _are_documents(array) else ""


def describes_persons(name: str) -> bool:
    """Returns whether a name is that of a characteristic by which laws forbid to treat persons differently."""
    return bool(re.search(_PROTECTED, words_of(name)))


def stands_beside(name: str) -> bool:
    """Returns whether a name is one, such as an age, that is such a characteristic beside others of persons."""
    return bool(re.search(_BESIDE, words_of(name)))


def _are_documents(array: pa.Array) -> bool:
    """Returns whether numbers are whole, of as many digits each, and different in nearly all rows."""
    present = array.drop_null()
    if not pa.types.is_floating(array.type) or len(present) < MIN_DOCUMENTS:
        return False
    low, high = (len(f"{abs(number):.0f}") for number in (pc.min(present).as_py(), pc.max(present).as_py()))
    are_whole = pc.all(pc.equal(pc.floor(present), present)).as_py()
    return bool(
        are_whole and low == high and low in range(*_DOCUMENT_DIGITS) and len(present.unique()) >= 0.99 * len(present)
    )
