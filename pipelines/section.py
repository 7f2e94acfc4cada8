"""The base of every part of the configuration."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the configuration; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
