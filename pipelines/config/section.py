"""The base of every part of the configuration."""

from collections.abc import Collection
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ...errors import suggestion

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def require_known(field: str, name: str, names: Collection[str]) -> None:
    """Checks a name that a field of the configuration holds.

    Raises:
        ValueError: if it is none of the names.
    """
    if name not in names:
        raise ValueError(f"{field}: expected one of {', '.join(names)}, received {name!r}.{suggestion(name, names)}")
