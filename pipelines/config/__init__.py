"""The configuration of a pipeline: all of its settings."""
