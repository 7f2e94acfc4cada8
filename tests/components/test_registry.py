"""What a module of a system may hold in place of model families, and what is said of it."""

from pathlib import Path

import pytest

from yachay.components.trainer.family import load_families
from yachay.errors import ConfigurationError


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (1, "import sys; sys.exit(3)", r"Expected hostile_1 to be importable.* Received: SystemExit: 3"),
        (2, "FAMILIES = None", r"Expected FAMILIES of hostile_2 to be a list\. Received: NoneType"),
        (3, "FAMILIES = ['forest']", r"Expected hostile_3\.FAMILIES to hold a model family.* Received: 'forest'"),
        (
            5,
            "class A:\n    name = 'my family'\nFAMILIES = [A()]",
            r"a name of letters, digits and `_`.* 'my family' in",
        ),
        (4, "class A:\n    name = 'a'\nFAMILIES = [A]", r"the model family 'a' to be an object.* Received: A\."),
    ],
)
def test_what_is_no_model_family_is_named(
    number: int, code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"hostile_{number}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigurationError, match=message):
        load_families([f"hostile_{number}"])
