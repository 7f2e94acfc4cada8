"""What users may add by name: model families, metrics, sections of the page."""

import functools
import importlib
import importlib.metadata
import pkgutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from ..errors import ConfigurationError


class Named(Protocol):
    """What a registry holds."""

    @property
    def name(self) -> str:
        """The name by which a configuration chooses it."""
        ...


Entry = TypeVar("Entry", bound=Named)


class Registry(Generic[Entry]):
    """Entries by name: those of a package of ours, of installed packages and of a system's own modules.

    Args:
        noun: string. What an entry is, for messages: `"model family"`.
        package: string. Dotted path of the package of ours, each module of which lists its entries in `attribute`;
            empty where there is none.
        group: string. Entry point group in which an installed package names a module, or one entry.
        attribute: string. The sequence of entries in a module: `"FAMILIES"`.
    """

    def __init__(self, noun: str, package: str, group: str, attribute: str) -> None:
        self._noun = noun
        self._package = package
        self._group = group
        self._attribute = attribute

    def load(self, extensions: Sequence[str] = ()) -> Mapping[str, Entry]:
        """Returns all entries by name: ours, those of installed packages, and those of `extensions`, in this order.

        Args:
            extensions: sequence of strings. Dotted paths of a system's own modules; one without the attribute adds
                nothing.

        Raises:
            ConfigurationError: if two have one name, one has none or no identifier, or a module or an entry point
                cannot be imported.
        """
        found: dict[str, Entry] = {}
        paths = importlib.import_module(self._package).__path__ if self._package else []
        for module in sorted(pkgutil.iter_modules(paths), key=lambda module: module.name):
            self._add_all(found, importlib.import_module(f"{self._package}.{module.name}"))
        for entry_point in _entry_points(self._group, tuple(sys.path)):
            loaded = self._import(entry_point.value, entry_point.load)
            if isinstance(loaded, ModuleType):
                self._add_all(found, loaded)
            else:
                self._add(found, [loaded], entry_point.value)
        for extension in extensions:
            self._add_all(found, self._import(extension, lambda name=extension: importlib.import_module(name)))
        return found

    def _add_all(self, found: dict[str, Entry], module: ModuleType) -> None:
        entries = getattr(module, self._attribute, ())
        if not isinstance(entries, list | tuple):
            raise ConfigurationError(
                f"Expected {self._attribute} of {module.__name__} to be a list. Received: {type(entries).__name__}. "
                "Correct it."
            )
        self._add(found, entries, f"{module.__name__}.{self._attribute}")

    def _add(self, found: dict[str, Entry], entries: Iterable[Entry], where: str) -> None:
        for entry in entries:
            if not isinstance(getattr(entry, "name", None), str):
                raise ConfigurationError(
                    f"Expected {where} to hold a {self._noun}, which has a `name`. Received: {entry!r}. Correct it."
                )
            if not entry.name.isidentifier():
                raise ConfigurationError(
                    f"Expected each {self._noun} to have a name of letters, digits and `_`, as a field of the "
                    f"configuration has. Received: {entry.name!r} in {where}. Rename it."
                )
            if found.setdefault(entry.name, entry) is not entry:
                raise ConfigurationError(
                    f"Expected each {self._noun} to have a name of its own. Received: {entry.name!r} twice. "
                    "Rename yours."
                )

    def _import(self, name: str, load: Any) -> Any:
        try:
            return load()
        except (Exception, SystemExit) as error:
            raise ConfigurationError(
                f"Expected {name} to be importable, for it may add a {self._noun}. "
                f"Received: {type(error).__name__}: {error}. Correct it, or uninstall its package."
            ) from error


@functools.cache
def _entry_points(group: str, places: tuple[str, ...]) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Returns those of a group in some places: a look at all installed packages takes tens of milliseconds."""
    return tuple(importlib.metadata.entry_points(group=group))
