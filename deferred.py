"""Packages that take seconds to import, imported when something of them is first used.

`import tensorflow as tf` at the top of a module, TFX's among them, then takes no time; `tf.constant` imports it. The
processes that the library starts call `defer_imports` first, and `let_threads_sleep`; a process of a user's own is left
as it is.
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

PACKAGES = {
    "tensorflow": ("core.example", "tools"),
    "tensorflow_data_validation": ("arrow", "constants", "pywrap", "statistics", "types", "utils"),
    "tensorflow_model_analysis": ("constants", "proto", "sdk", "version"),
    "tfx.components": None,
    "tfx.components.util.tfxio_utils": (),
    "apache_beam": (),
}
"""The deferred packages, with those of their modules that work without the rest; None stands for all of them."""

_OF_KERAS = ("keras.src.optimizers", "tf_keras.src.optimizers")
"""What TensorFlow imports of Keras, the first or the second as TF_USE_LEGACY_KERAS says, and goes without."""

_LOCK = threading.Lock()

_USED = {
    "__all__", "__version__", "__internal__", "__operators__", "__git_version__", "__compiler_version__",
    "__cxx11_abi_flag__", "__cxx_version__", "__monolithic_build__",
}  # fmt: skip
"""The names between double underscores that a package itself defines; Python asks modules for others."""


def defer_imports() -> None:
    """Defers the import of each of `PACKAGES` that is installed and not imported yet."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    for name in PACKAGES:
        if name not in sys.modules and (spec := _find(name)) is not None:
            sys.modules[name] = _Deferred(spec)
            if name == "tensorflow_model_analysis":
                importlib.import_module("google.protobuf.wrappers_pb2")  # Its `proto` needs it and does not say so.
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, sys.modules[name])
    sys.meta_path.insert(0, _Finder())


def let_threads_sleep() -> None:
    """Lets threads of OpenMP sleep while they wait: those that spin take the processor from others.

    It is read when scikit-learn is loaded, so that it comes first, and by processes that this one starts.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def import_tensorflow() -> None:
    """Imports TensorFlow without Keras, which takes two fifths of the time; `tf.keras` imports it when it is used."""
    with _without_keras():
        importlib.import_module("tensorflow")


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    blocked = [name for name in _OF_KERAS if not {name, name.partition(".")[0]} & sys.modules.keys()]
    if "tensorflow" not in sys.modules:
        sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in blocked:
            if sys.modules.get(name, ...) is None:
                del sys.modules[name]


def _find(name: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:  # The package that it is in is not installed.
        return None


def is_deferred(name: str) -> bool:
    """Returns whether a package waits for its first use."""
    return isinstance(sys.modules.get(name), _Deferred)


def when_imported(name: str, call: Callable[[types.ModuleType], None]) -> None:
    """Calls a function with a deferred package once that is imported."""
    vars(sys.modules[name])["_calls"].append(call)


class _Deferred(types.ModuleType):
    """Stands for a package until something of it is used."""

    def __init__(self, spec: importlib.machinery.ModuleSpec) -> None:
        super().__init__(spec.name)
        self.__spec__, self.__loader__, self.__package__ = spec, spec.loader, spec.name
        self.__file__, self.__path__ = spec.origin, list(spec.submodule_search_locations or [])
        self._calls: list[Callable[[types.ModuleType], None]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _USED:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        full_name = f"{self.__name__}.{name}"
        if _is_light(full_name) and importlib.util.find_spec(full_name) is not None:
            return importlib.import_module(full_name)
        module = _load(self)
        components = sys.modules.get("tfx.components")
        if not hasattr(module, name) and isinstance(components, _Deferred):
            _load(components)  # It gives names to TFMA that TFMA has elsewhere.
        return getattr(module, name)

    def __dir__(self) -> list[str]:
        return dir(_load(self))

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        module = sys.modules.get(self.__name__)
        if isinstance(module, types.ModuleType) and module is not self and name != "_calls":
            setattr(module, name, value)


class _Finder(importlib.abc.MetaPathFinder):
    """Imports a deferred package before one of its modules that needs the rest."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Returns the specification of a module of a deferred package; None leaves it to the other finders."""
        deferred = next((sys.modules.get(name) for name in PACKAGES if fullname.startswith(f"{name}.")), None)
        if not isinstance(deferred, _Deferred) or _is_light(fullname):
            return None
        _load(deferred)
        return importlib.machinery.ModuleSpec(fullname, _Loaded(importlib.import_module(fullname)))


class _Loaded(importlib.abc.Loader):
    """Gives out a module that is imported already, as it is."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module, self._spec, self._loader = module, module.__spec__, module.__loader__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return self._module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__spec__, module.__loader__ = self._spec, self._loader


def _is_light(full_name: str) -> bool:
    """Returns whether a module works without the rest of its deferred package."""
    package = max((one for one in PACKAGES if full_name.startswith(f"{one}.")), key=len, default="")
    if not package:
        return False
    name, light = full_name.removeprefix(f"{package}."), PACKAGES[package]
    return light is None or any(f"{name}.".startswith(f"{one}.") or one.startswith(f"{name}.") for one in light)


def _load(deferred: _Deferred) -> types.ModuleType:
    """Imports a deferred package; where another thread does so, waits for it as every `import` does."""
    name = deferred.__name__
    # Not held during the import: its thread may wait for a module that another thread imports which waits here.
    with _LOCK:
        if sys.modules.get(name) is deferred:
            del sys.modules[name]
    with _without_keras() if name == "tensorflow" else contextlib.nullcontext():
        module = importlib.import_module(name)
    for key, value in list(vars(deferred).items()):
        # Its modules that were imported before it.
        if isinstance(value, types.ModuleType) and not hasattr(module, key):
            setattr(module, key, value)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    with _LOCK:
        calls, deferred._calls = deferred._calls, []
    for call in calls:
        call(module)
    return module
