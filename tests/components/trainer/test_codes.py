from collections.abc import Mapping

import pytest
import tensorflow as tf

from yachay.components.features import FeatureKind
from yachay.components.trainer.codes import MAX_KNOWN_CODES, known_codes
from yachay.components.trainer.metadata import RawFeature

COURSE = RawFeature("course", "int64", FeatureKind.CATEGORICAL, optional=True)
TOWN = RawFeature("town", "string", FeatureKind.CATEGORICAL, optional=True)
PAST = RawFeature("past", "int64", FeatureKind.CATEGORICAL, optional=False, steps=3)
VOCABULARY = [b"9147", b"33", b"171"]


def transform(raw: Mapping[str, tf.Tensor], divisor: int = 1) -> dict[str, tf.Tensor]:
    """Looks codes up in the vocabulary, divided before."""
    keys = tf.constant([int(word) for word in VOCABULARY], tf.int64)
    matches = tf.cast((raw["course"] // divisor)[..., tf.newaxis] == keys, tf.int64)
    return {"course": tf.reduce_sum(matches * tf.range(3, dtype=tf.int64), -1)}


def test_the_codes_of_the_vocabulary_are_known() -> None:
    codes = known_codes(transform, [COURSE, TOWN, PAST], {"course": VOCABULARY, "town": [b"1", b"2"]})

    assert codes == {"course": (33, 171, 9147)}


def test_a_sequence_has_codes() -> None:
    codes = known_codes(
        lambda raw: {"past": transform({"course": raw["past"]})["course"]}, [PAST], {"past": VOCABULARY}
    )

    assert codes == {"past": (33, 171, 9147)}


def test_no_codes_are_known_of_a_vocabulary_of_something_else() -> None:
    assert known_codes(lambda raw: transform(raw, divisor=10), [COURSE], {"course": VOCABULARY}) == {}


@pytest.mark.parametrize("vocabulary", [[], [b"33", b"evening"], [b"%d" % code for code in range(MAX_KNOWN_CODES + 1)]])
def test_no_codes_are_known_of_words_or_of_too_many(vocabulary: list[bytes]) -> None:
    assert known_codes(transform, [COURSE], {"course": vocabulary}) == {}
