"""Reads a configuration: the file, a profile over it, what the command line changes, and dotted paths made absolute."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from ...components.intervention_recommender.catalogue import read_catalogue
from ...components.settings import describe
from ...components.yaml_files import read_mapping
from ...errors import ConfigurationError, UsageError, suggestion
from ..kinds import DEFAULT_PIPELINE, KINDS, TRAINING
from .pipeline_config import PipelineConfig

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

Document = dict[str, Any]

_PROFILES = "profiles"
_DOTTED_PATHS = (
    ("data", "reader"),
    ("data", "mock"),
    ("data", "prepare"),
    ("data", "climate"),
    ("model", "run_fn"),
    ("transform", "preprocessing_fn"),
    ("pipelines", "*"),
    ("extensions", "*"),
)
"""The fields that hold dotted paths; one that begins with `.` is relative to the package of the pipeline's folder."""


@dataclasses.dataclass(frozen=True)
class Doors:
    """What the folder of a configuration brings beside it.

    Args:
        package: string. The dotted package of the folder; empty where it has none.
        extensions: tuple of strings. Modules with model families, metrics and page sections, relative to the package.
        has_pipeline: bool. Whether `pipeline.py` makes the pipeline.
        path: path or None. The folder; None is that of the configuration's file.
    """

    package: str = ""
    extensions: tuple[str, ...] = ()
    has_pipeline: bool = False
    path: Path | None = None


def load_config(
    path: str | Path,
    overrides: Sequence[str] = (),
    profile: str = "",
    doors: Doors | None = None,
    load_schema: "Callable[[str], schema_pb2.Schema] | None" = None,
) -> PipelineConfig:
    """Reads and checks a configuration and all of its profiles.

    Args:
        path: string or path of the YAML file.
        overrides: sequence of `"a.b=value"` strings, each value read as YAML, applied in order, over the profile.
            Defaults to none.
        profile: string. Name of the profile to lay over the configuration. Defaults to none.
        doors: `Doors`. Defaults to none.
        load_schema: function of `data.schema`. Returns the `Schema`, which the configuration must not contradict.
            Defaults to None: it is checked by itself.

    Raises:
        ConfigurationError: if the file cannot be read or fields do not fit; the message names each field.
        UsageError: if there is no such profile.
    """
    path = Path(path)
    document = read_document(path)
    profiles = document.get(_PROFILES) or {}
    _check_profiles(path, profiles)
    for override in overrides:
        if override.startswith(f"{_PROFILES}."):
            apply_override(document, override)
    if profile and profile not in profiles:
        known = ", ".join(profiles) or "none"
        raise UsageError(
            f"Expected a profile of {path} ({known}). Received: {profile!r}.{suggestion(profile, profiles)}"
        )
    # The plain one first: what is wrong in it is not a profile's.
    folder = path.parent if doors is None or doors.path is None else doors.path
    plain = _check(path, _made(document, overrides, "", doors, None if profile else folder, path.parent), load_schema)
    laid_over = {
        name: _check(
            path,
            _made(document, overrides, name, doors, folder if name == profile else None, path.parent),
            load_schema,
            f"{_PROFILES}.{name}.",
        )
        for name in profiles
    }
    return laid_over[profile] if profile else plain


def read_document(path: Path) -> Document:
    """Returns the content of a configuration file.

    Raises:
        ConfigurationError: if it cannot be read, holds no mapping, or has a key twice in one.
    """
    return read_mapping(path, "a configuration", "Name an existing file.")[0]


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> Document:
    """Returns a document with another laid over it: mappings are merged, all else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = overlay(under, value) if both else value  # type: ignore[arg-type]
    return merged


def apply_override(document: Document, override: str) -> None:
    """Changes a field of a document, in place.

    Args:
        document: dict.
        override: string. `"a.b=value"`, the value in YAML.

    Raises:
        ConfigurationError: if it has another form, or names no field.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigurationError(f"Expected an override of the form a.b=value. Received: {override!r}.")
    *parents, last = key.split(".")
    section: Any = document
    for parent in parents:
        if isinstance(section, dict) and section.get(parent) is None:
            section[parent] = {}  # A section that another profile leaves out, such as `polygons: null`, is none here.
        section = section[parent] if isinstance(section, dict) else None
    if not isinstance(section, dict):
        raise ConfigurationError(f"Expected {key!r} to name a field of the configuration. Received: {override!r}.")
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"Expected the value of {key!r} to be YAML. Received: {text!r} ({error}).") from None


def _check_profiles(path: Path, profiles: Any) -> None:
    bad = profiles if not isinstance(profiles, dict) else [v for v in profiles.values() if not isinstance(v, dict)]
    if bad:
        raise ConfigurationError(
            f"Expected `profiles` of {path} to map names to fields of the configuration. Received: {bad!r}."
        )
    for name, changed in profiles.items():
        if own := sorted({_PROFILES, "profile", "name"} & changed.keys()):
            raise ConfigurationError(
                f"The configuration {path} is invalid:\n  - profiles.{name}.{own[0]}: a profile cannot change it"
            )


def _made(
    document: Document, overrides: Sequence[str], profile: str, doors: Doors | None, folder: Path | None, beside: Path
) -> Document:
    """Returns the document with a profile, the overrides and what the folder brings.

    The catalogue of a recommendation and what was tuned are read from `folder`. None leaves them out: those of a
    profile which is not chosen need not fit the overrides. Files of reader options lie in `beside`, the folder of the
    configuration, or in the working folder.
    """
    made = copy.deepcopy(document)
    if profile:
        made = copy.deepcopy(overlay(made, document[_PROFILES][profile])) | {"profile": profile}
    for override in overrides:
        if override.partition("=")[0] == "profile":
            raise ConfigurationError(
                f"Expected --profile to name a profile. Received: --set {override}. Write --profile."
            )
        apply_override(made, override)
    if doors is not None:
        _open_doors(made, doors)
    tuned = made.get("tuned")
    if isinstance(tuned, dict):
        files = {task: name for task, name in tuned.items() if isinstance(name, str)}
        read = {task: read_document(folder / name) for task, name in files.items()} if folder is not None else {}
        made["tuned"] = {task: found for task, found in tuned.items() if task not in files} | read
    recommend = made.get("recommend")
    if isinstance(recommend, dict) and isinstance(name := recommend.get("catalogue"), str):
        if folder is None:
            del made["recommend"]
        else:
            recommend["catalogue"] = read_catalogue(folder / name)
    if folder is not None:
        _read_options(made, beside)
    return made


def _read_options(document: Document, beside: Path) -> None:
    """Replaces each reader option that names a YAML file by what it holds, so that a change of it is not cached."""
    data = document.get("data")
    options = data.get("reader_options") if isinstance(data, dict) else None
    if not isinstance(options, dict):
        return
    for name, value in options.items():
        if isinstance(value, str) and value.endswith((".yaml", ".yml")):
            file = beside / value if (beside / value).is_file() else Path(value)
            options[name] = read_mapping(file, f"the file of `data.reader_options.{name}`", "Correct its path.")[0]


def _open_doors(document: Document, doors: Doors) -> None:
    given = document.get("extensions") or []
    if isinstance(given, list) and doors.extensions:
        document["extensions"] = [*doors.extensions, *(one for one in given if one not in doors.extensions)]
    pipelines = document.setdefault("pipelines", {})
    if isinstance(pipelines, dict):
        if doors.has_pipeline:
            pipelines.setdefault(TRAINING, ".pipeline.create_pipeline")
        for kind in KINDS:
            pipelines.setdefault(kind, DEFAULT_PIPELINE)
    for holder, key in _dotted_fields(document):
        if not holder[key].startswith("."):
            continue
        if not doors.package:
            raise ConfigurationError(
                f"Expected a dotted path that does not begin with '.'. Received: {holder[key]!r}, though the folder of "
                "the pipeline is no package. Rename the folder to letters, digits and `_`, or write the whole path."
            )
        holder[key] = doors.package + holder[key]


def _dotted_fields(document: Document) -> Iterator[tuple[Any, Any]]:
    """Yields where a document holds dotted paths: `(mapping or list, key or index)`."""
    for section, field in _DOTTED_PATHS:
        holder = document.get(section)
        if isinstance(holder, dict):
            keys: list[Any] = list(holder) if field == "*" else [field]
            yield from ((holder, key) for key in keys if isinstance(holder.get(key), str))
        elif isinstance(holder, list):
            yield from ((holder, index) for index, value in enumerate(holder) if isinstance(value, str))


def _check(
    path: Path, document: Document, load_schema: "Callable[[str], schema_pb2.Schema] | None", prefix: str = ""
) -> PipelineConfig:
    data = document.get("data")
    name = data.get("schema") if isinstance(data, dict) else None
    schema = load_schema(name) if load_schema and isinstance(name, str) else None
    try:
        return PipelineConfig.model_validate(document, context={"schema": schema})
    except ValidationError as error:
        problems = "\n".join(describe(error, PipelineConfig)).replace("  - ", f"  - {prefix}")
    raise ConfigurationError(f"The configuration {path} is invalid:\n{problems}")
