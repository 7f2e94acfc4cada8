"""Pipelines: a folder with one configuration each; `chain.create_pipeline` makes the TFX pipeline of any of them."""
