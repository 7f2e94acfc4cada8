"""Validation of examples against the schema, as a gate."""
