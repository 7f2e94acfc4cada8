"""Damaged texts: a wrong encoding, dates that a spreadsheet made of ranges, one word in several spellings."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from .wording import say

MAX_SHOWN = 3

_MOJIBAKE = "Ã[\u0080-\u00bf\u0192\u0160\u0178\u017d\u2013-\u203a]|Â[\u00a0-\u00bf]|â€|ï¿½|\ufffd"
_MONTH = "jan|ene|feb|mar|apr|abr|may|jun|jul|aug|ago|sep|set|oct|nov|dec|dic"
_AS_DATE = rf"(?i)^(\d{{1,2}}-({_MONTH})[a-z]*\.?|({_MONTH})[a-z]*\.?-\d{{1,2}})$"
_RANGE = r"^\d{1,3} ?- ?\d{1,3}$"


@dataclass(frozen=True)
class _Matches:
    """Texts that match a pattern.

    Args:
        texts: list of strings. The different ones.
        num_rows: int.
    """

    texts: list[str]
    num_rows: int

    def __str__(self) -> str:
        return ", ".join(repr(text[:40]) for text in sorted(self.texts)[:MAX_SHOWN])


def find_damage(name: str, array: pa.Array, *, are_words: bool) -> Iterator[str]:
    """Yields what looks damaged in a column, a line each.

    Args:
        name: string. The column's name in the file.
        array: `pyarrow.Array` of shape `(N,)`, null where there is no value.
        are_words: bool. Whether its texts are few words, whose spelling counts.
    """
    if re.search(_MOJIBAKE, name):
        yield say("its name was written in one encoding and read in another. Write the file again in UTF-8")
    if not pa.types.is_string(array.type) or array.null_count == len(array):
        return
    counts = pc.value_counts(array.drop_null())
    broken, dates, ranges = (_matching(counts, pattern) for pattern in (_MOJIBAKE, _AS_DATE, _RANGE))
    num_rows = len(array) - array.null_count
    if broken.texts:
        yield (
            say(
                "{broken}: written in one encoding and read in another, in {num} of {num_rows}"
                " rows. Write the file again in UTF-8",
                broken=broken,
                num=broken.num_rows,
                num_rows=num_rows,
            )
        )
    if dates.texts and ranges.texts:
        yield (
            say(
                "{dates} among {ranges}: ranges that a spreadsheet made dates, in {num} of "
                "{num_rows} rows. Write the ranges again",
                dates=dates,
                ranges=ranges,
                num=dates.num_rows,
                num_rows=num_rows,
            )
        )
    if are_words and (spellings := _spellings(counts.field("values").to_pylist())):
        pairs = [" and ".join(map(repr, sorted(texts))) for texts in spellings[:MAX_SHOWN]]
        yield say("{shown} differ in case, accents or spaces only. Write each in one way", shown="; ".join(pairs))


def _matching(counts: pa.StructArray, pattern: str) -> _Matches:
    found = counts.filter(pc.match_substring_regex(counts.field("values"), pattern))
    return _Matches(found.field("values").to_pylist(), int(pc.sum(found.field("counts")).as_py() or 0))


def _spellings(texts: list[str]) -> list[set[str]]:
    by_letters: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        letters = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
        by_letters[" ".join(letters.casefold().split())].add(text)
    return [spelled for letters, spelled in by_letters.items() if len(spelled) > 1 and re.search("[^\\W\\d]", letters)]
