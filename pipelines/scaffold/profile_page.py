"""The profile page: what the columns of a data file hold, as one HTML file that needs no network."""

import functools
from pathlib import Path
from typing import Any

from jinja2.utils import htmlsafe_json_dumps

from ...components.features import Problem
from ...components.text import Language, Text
from ...components.web_page import templates
from ...components.web_page.numbers import format_number
from ...components.web_page.plots import scale_of
from ...components.web_page.templates import script_hash
from ...components.web_page.texts import Texts, load_texts
from .baselines import LINEAR, MEAN, TREES, Baselines
from .inference import Inference
from .wording import in_spanish

MAX_PICTURES = 200
MIN_TARGET_ROWS = 5
MAX_SHARE_OF_REST = 0.1

ASSETS = Path(__file__).parent / "assets"

_METRICS = {Problem.CLASSIFICATION: "AUC", Problem.REGRESSION: "R²"}


def render_profile_page(
    name: str, source: str, inference: Inference, baselines: Baselines | None, language: Language | None = None
) -> str:
    """Returns the page.

    Args:
        name: string. The pipeline's name.
        source: string. Name of the data file.
        inference: `Inference`.
        baselines: `Baselines` or None.
        language: `"en"`, `"es"` or None. The language that the page starts with. Defaults to the reader's own, where
            scripts run, and English.
    """
    texts = Texts(language or "en", _load_texts)
    script = templates.asset("common.js")
    facts = inference.facts[: MAX_PICTURES + 1]
    targets = [
        bar.target
        for one in facts[1:]
        for bar in one.bars
        if bar.target is not None and bar.num_rows >= MIN_TARGET_ROWS
    ]
    original_names = {one.column.name: one.column.original_name for one in inference.facts}
    context: dict[str, Any] = {
        "t": texts,
        "name": name,
        "source": source,
        "rows": format_number(inference.num_rows),
        "of": format_number(inference.num_read),
        "problem": inference.problem.value,
        "num_classes": len(inference.class_counts),
        "label": inference.facts[0].column,
        "num_features": sum(column.kind is not None for column in inference.columns),
        "num_excluded": sum(column.kind is None for column in inference.columns),
        "questions": [_in_both(question.text) for question in inference.questions],
        "decided": list(map(_in_both, inference.notes)),
        "in_both": _in_both,
        "baselines": baselines,
        "best_column": original_names[baselines.best_column] if baselines else "",
        "dominant": dominant_column(baselines, original_names),
        "metric_words": _METRICS[inference.problem],
        "facts": facts,
        "num_left_out": len(inference.facts) - len(facts),
        "shown_class": inference.shown_class,
        "target_scale": scale_of(targets, 90, 16),
        "min_rows": MIN_TARGET_ROWS,
        "start_language": language,
        "style": templates.asset("base.css") + templates.asset("profile.css", ASSETS),
        "script_text": script,
        "script_hash": script_hash(script),
        "live_data": lambda: htmlsafe_json_dumps({"texts": texts.dictionary()}, separators=(",", ":")),
    }
    return templates.environment(ASSETS).get_template("profile.html").render(context)


def dominant_column(baselines: Baselines | None, original_names: dict[str, str]) -> dict[str, str]:
    """Returns the column that alone reaches nearly all that all columns do, with both scores; empty for none.

    Nearly all is but `MAX_SHARE_OF_REST` of the way from a constant's score.
    """
    if baselines is None:
        return {}
    scores = baselines.scores
    most = max(scores[LINEAR], scores[TREES], scores[MEAN])
    whole = most - scores["constant"]
    alone = scores["column"] - scores["constant"]
    if whole <= 0 or alone < (1 - MAX_SHARE_OF_REST) * whole:
        return {}
    column = original_names[baselines.best_column]
    return {"column": column, "alone": f"{scores['column']:.3f}", "all": f"{most:.3f}"}


def _in_both(text: str) -> Text:
    return Text(en=text, es=in_spanish(text))


@functools.cache
def _load_texts(language: Language) -> dict[str, str]:
    return load_texts(language, ASSETS)
