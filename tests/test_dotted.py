from pathlib import Path

import pytest

from yachay.dotted import import_callable, import_dotted, is_defined
from yachay.errors import ConfigurationError, suggestion


def test_a_dotted_path_names_what_a_module_defines() -> None:
    assert import_dotted("yachay.errors.suggestion", "`data.reader`") is suggestion
    assert import_callable("yachay.errors.suggestion", "`data.reader`") is suggestion


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("read", r"Expected `data.reader` to be the dotted path.* Received: 'read' \(it has no module before"),
        ("yachay.errors.", r"it names nothing"),
        (".source.read", r"it has no module before the last dot"),
        ("yachay.nowhere.read", r"ModuleNotFoundError: No module named 'yachay.nowhere'"),
        ("yachay.errors.sugestion", r"yachay.errors has no 'sugestion'\)\. Did you mean 'suggestion'\?"),
        ("yachay.errors.MAX_FAILURES_SHOWN", r"a int, which cannot be called"),
    ],
)
def test_a_wrong_dotted_path_is_explained(path: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        import_callable(path, "`data.reader`")


def test_a_module_that_fails_is_named_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_source.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigurationError, match=r"'broken_source.read' \(ZeroDivisionError: division by zero\)"):
        import_dotted("broken_source.read", "`data.reader`")


def test_a_name_is_found_without_running_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unrun_source.py").write_text("def read(path): ...\nraise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path)

    assert is_defined("unrun_source.read")
    assert not is_defined("unrun_source.write")
