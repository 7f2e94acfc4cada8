import ast
import string
from pathlib import Path

from yachay.pipelines.scaffold import column_inference, personal, wording
from yachay.pipelines.scaffold.wording import in_spanish, load_spanish, say


def templates() -> set[str]:
    """Returns the templates that the package writes."""
    found = set(personal._NAMES) | set(personal._SHAPES) | set(column_inference.EPOCHS)
    for module in Path(wording.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                found |= {item.value for item in node.args if isinstance(item, ast.Constant)}
    return found


def values_of(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_each_finding_has_a_spanish_sentence_with_the_same_values() -> None:
    spanish = load_spanish()

    assert set(spanish) == templates()
    assert [one for one, other in spanish.items() if values_of(one) != values_of(other)] == []


def test_findings_within_a_finding_are_written_in_spanish_too() -> None:
    finding = say("looks like {kind}", kind=say("document numbers"))

    assert finding == "looks like document numbers"
    assert in_spanish(finding) == "parece contener números de documento"


def test_another_text_stays_as_it_is() -> None:
    assert in_spanish("Lima") == "Lima"
