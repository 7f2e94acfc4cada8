"""Which columns look like personal data, by their names and the shape of their values."""

import re

import pyarrow as pa
import pyarrow.compute as pc

MIN_SHARE = 0.5

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


def personal_data(name: str, array: pa.Array) -> str:
    """Returns what personal data a column looks like; empty if it does not.

    Args:
        name: string. Identifier.
        array: `pyarrow.Array` of its values, null where there is none.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    for kind, pattern in _NAMES.items():
        if re.fullmatch(pattern, words):
            return kind
    if pa.types.is_string(array.type) and len(array) > array.null_count:
        present = array.drop_null()
        for kind, pattern in _SHAPES.items():
            if pc.mean(pc.match_substring_regex(present, pattern).cast(pa.float64())).as_py() >= MIN_SHARE:
                return kind
    return ""
