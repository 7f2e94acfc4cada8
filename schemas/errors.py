"""Errors of the schemas."""


class SchemaError(ValueError):
    """A schema is unknown or cannot be read."""
