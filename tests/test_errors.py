"""The tree of errors, read from the sources: importing every module would take TFX's time."""

import ast
from pathlib import Path

from yachay import errors

ROOT = Path(__file__).parent.parent
FOLDERS = ("cli", "components", "deployment", "manifests", "model_store", "pipelines", "schemas", "serving")


def declared() -> dict[str, str]:
    """Returns the errors that the library declares, private ones aside, and what each derives from."""
    found = {}
    for path in [*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.bases and not node.name.startswith("_"):
                base = ast.unparse(node.bases[0]).rpartition(".")[2]
                if base.endswith(("Error", "Exception")):
                    assert node.name not in found, f"{node.name} is declared twice: {path}"
                    found[node.name] = base
    return found


def test_every_error_is_a_yachay_error() -> None:
    bases = declared()
    strangers = [name for name, base in bases.items() if base not in bases and name != "YachayError"]

    assert len(bases) > 12
    assert strangers == []


def test_the_docstring_draws_the_tree() -> None:
    drawn, above = {}, [""]
    for line in (errors.__doc__ or "").splitlines():
        mark, _, rest = line.partition("+-- ")
        name = (rest if rest else line.strip().partition(" (")[0]).partition(":")[0]
        if not name.endswith("Error") or " " in name:
            continue
        depth = len(mark) // 4 + 1 if rest else 0
        above[depth:] = [name]
        drawn[name] = above[depth - 1] if depth else "ValueError"

    assert drawn == declared()
