"""The names of columns as words that patterns are written for."""

import re
import unicodedata

from ...components.features import to_identifier


def words_of(name: str) -> str:
    """Returns the words of a column's name in lower case, without accents and joined by `_`: `fecha_de_baja`.

    Args:
        name: string. In the file.
    """
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", name) if not unicodedata.combining(mark))
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", to_identifier(plain)).lower()
