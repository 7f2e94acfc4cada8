"""The curated schema of a pipeline, as an artifact."""
