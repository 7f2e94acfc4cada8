"""Dotted paths: `package.module.name` names what a module defines at its top.

reader = import_dotted("yachay_bank.source.read", "`data.reader`")
"""

import ast
import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigurationError, suggestion


def import_dotted(path: str, expected: str) -> Any:
    """Returns what a dotted path names.

    Args:
        path: string. `package.module.name`.
        expected: string. The setting or parameter that holds it, for the message: "`data.reader`".

    Raises:
        ConfigurationError: if there is no such module or name, or the module cannot be imported.
    """
    module_name, _, name = path.rpartition(".")
    if not module_name or not name or module_name.startswith("."):
        raise _not_found(path, expected, "it has no module before the last dot" if name else "it names nothing")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # A script without a guard ends the process that imports it.
        raise _not_found(path, expected, f"{type(error).__name__}: {error}") from error
    try:
        return getattr(module, name)
    except AttributeError:
        hint = suggestion(name, [known for known in vars(module) if not known.startswith("_")])
        raise _not_found(path, expected, f"{module_name} has no {name!r}", hint) from None


def import_callable(path: str, expected: str) -> Any:
    """Returns the function or class that a dotted path names.

    Raises:
        ConfigurationError: as of `import_dotted`, or if it is neither.
    """
    found = import_dotted(path, expected)
    if not callable(found):
        raise _not_found(path, expected, f"a {type(found).__name__}, which cannot be called")
    return found


def lazy_exports(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Returns the `__getattr__` of a package whose names are imported when they are first used.

    Args:
        package: string. The package's `__name__`.
        modules: mapping of an exported name to the module that defines it, relative to the package: `".component"`.
    """

    def get(name: str) -> Any:
        if name not in modules:
            hint = suggestion(name, modules)
            raise AttributeError(f"module {package!r} has no attribute {name!r}.{hint}")
        return getattr(importlib.import_module(modules[name], package), name)

    return get


def is_defined(path: str) -> bool:
    """Returns whether a dotted path names something at the top of a module, which is found but not run."""
    module, _, name = path.rpartition(".")
    if not module or module == "__main__":
        return False
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    if not isinstance(spec.loader, importlib.machinery.SourceFileLoader) or spec.origin is None:
        return True
    return name in top_level_names(Path(spec.origin))


def fingerprint_code(name: str) -> str:
    """Returns the SHA-256 of the code of a module and of the modules beside it in its package."""
    module = importlib.import_module(name)
    if module.__package__ and module.__file__:
        code = "\0".join(path.read_text(encoding="utf-8") for path in sorted(Path(module.__file__).parent.glob("*.py")))
    else:
        code = inspect.getsource(module)
    return hashlib.sha256(code.encode()).hexdigest()


def require_defined(path: str, expected: str) -> None:
    """Checks that a dotted path names something at the top of a module, which is found but not run.

    Args:
        path: string. `package.module.name`.
        expected: string. The setting that holds it, for the message: "`model.run_fn`".

    Raises:
        ConfigurationError: if it does not.
    """
    if not is_defined(path):
        raise _not_found(path, expected, "no such module, or none with that name at its top")


def top_level_names(file: Path) -> set[str]:
    """Returns the names that a Python file defines at its top; none of a file that is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    return set(_top_level_names(tree))


def _not_found(path: str, expected: str, reason: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"Expected {expected} to be the dotted path of a name that a module defines. "
        f"Received: {path!r} ({reason}).{hint} Correct it."
    )


def _top_level_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
