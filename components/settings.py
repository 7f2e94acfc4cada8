"""The base of all settings: a component's own, and through them the configuration of a pipeline."""

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Self, TypeVar, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from ..errors import ConfigurationError, suggestion, without_passwords

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][0-9A-Za-z_]*$")]
Share = Annotated[float, Field(ge=0, le=1)]

_PASSWORD = re.compile(r"://[^/?#\s@]*:[^/?#\s@]*@")

SettingsType = TypeVar("SettingsType", bound="Settings")


class Settings(BaseModel):
    """Settings of a component, or a part of them: immutable, without unknown keys and passwords in addresses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _has_no_password(cls, value: Any) -> Any:
        if isinstance(value, str) and _PASSWORD.search(value):
            raise ValueError(
                "expected an address without a password, for settings are read by many; passwords belong in the "
                "environment, or in a secret"
            )
        return value

    def to_property(self) -> str:
        """Returns the settings as an execution property: JSON with every field."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_property(cls, text: str) -> Self:
        """Returns the settings of an execution property.

        Raises:
            ConfigurationError: if a field does not fit.
        """
        return check(lambda: cls.model_validate_json(text), cls, f"the settings {cls.__name__}")


def check_settings(model: type[SettingsType], given: Mapping[str, Any], what: str) -> SettingsType:
    """Returns the settings of plain values.

    Args:
        model: subclass of `Settings`.
        given: mapping of field name to value.
        what: string. What the values are, for the message: "hyperparameters of 'linear'".

    Raises:
        ConfigurationError: if a field does not fit; the message lists every such field.
    """
    return check(lambda: model.model_validate(dict(given)), model, what)


def check(validate: Callable[[], SettingsType], model: type[BaseModel], what: str) -> SettingsType:
    """Returns what `validate` returns.

    Raises:
        ConfigurationError: in place of pydantic's `ValidationError`.
    """
    try:
        return validate()
    except ValidationError as error:
        raise ConfigurationError("\n".join([f"Invalid {what}:", *describe(error, model)])) from None


def describe(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Returns a line for each field that does not fit: its name, what was expected, what was received."""
    lines = []
    for detail in error.errors(include_url=False):
        field = ".".join(str(part) for part in detail["loc"] if part != "[key]")
        message = detail["msg"].removeprefix("Value error, ")
        # The second is that of a dataclass which a model composes.
        if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            message = f"no such field.{suggestion(str(detail['loc'][-1]), _fields_beside(model, detail['loc']))}"
        elif detail["type"] != "missing" and not isinstance(detail["input"], dict):
            message = f"{message}. Received: {without_passwords(repr(detail['input']))}"
            if detail["type"] == "literal_error":
                known = re.findall("'([^']*)'", detail["ctx"]["expected"])
                hint = suggestion(str(detail["input"]), known)
                message += f".{hint}" if hint else ""
        lines.append(f"  - {field}: {message}" if field else f"  - {message}")
    return lines


def require_known(field: str, name: str, names: Collection[str]) -> None:
    """Checks a name that a field of the configuration holds.

    Raises:
        ValueError: if it is none of the names.
    """
    if name not in names:
        raise ValueError(f"{field}: expected one of {', '.join(names)}, received {name!r}.{suggestion(name, names)}")


def _fields_beside(root: Any, location: tuple[int | str, ...]) -> list[str]:
    """Returns the field names that would have been known at the place of an unknown one."""
    model: Any = root
    parts = iter(location[:-1])
    for part in parts:
        fields = _fields_of(model)
        if fields is None or isinstance(part, int):
            continue
        field = next((f for name, f in fields.items() if part in (name, f.alias)), None)
        if field is None:
            return []
        model = _model_of(field.annotation)
        if get_origin(field.annotation) is dict:
            next(parts, None)  # The key of one of its values.
    return [f.alias or name for name, f in (_fields_of(model) or {}).items()]


def _fields_of(model: Any) -> Mapping[str, FieldInfo] | None:
    """Returns the fields of a model, or of a dataclass that a model composes; None for any other type."""
    if dataclasses.is_dataclass(model) and isinstance(model, type):
        hints = get_type_hints(model)
        return {field.name: FieldInfo(annotation=hints[field.name]) for field in dataclasses.fields(model)}
    fields: Mapping[str, FieldInfo] | None = getattr(model, "model_fields", None)
    return fields


def _model_of(annotation: Any) -> Any:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and (issubclass(candidate, BaseModel) or dataclasses.is_dataclass(candidate)):
            return candidate
    return annotation
