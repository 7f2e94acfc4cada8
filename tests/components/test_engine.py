import pytest

from yachay.components.engine import MAX_VALUES, choose_engine
from yachay.errors import ConfigurationError


@pytest.mark.parametrize(
    ("engine", "rows", "unsupported", "chosen"),
    [
        ("auto", 1000, "", "arrays"),
        ("auto", None, "", "arrays"),
        ("auto", MAX_VALUES, "", "beam"),
        ("auto", 1000, "the metric BLEU", "beam"),
        ("arrays", MAX_VALUES, "", "arrays"),
        ("beam", 1000, "", "beam"),
        ("beam", 1000, "the metric BLEU", "beam"),
    ],
)
def test_choose_engine(engine, rows, unsupported, chosen, caplog):
    assert choose_engine(engine, "Evaluator", rows, 4, unsupported) == chosen


def test_choose_engine_with_arrays_that_cannot_do_the_work():
    with pytest.raises(ConfigurationError, match="the metric BLEU"):
        choose_engine("arrays", "Evaluator", 1000, 4, "the metric BLEU")
