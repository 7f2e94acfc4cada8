"""Errors of the schemas."""

from ..errors import ConfigurationError


class SchemaError(ConfigurationError):
    """A schema is unknown, cannot be read, or is not one."""
