"""Recursive feature addition: the curated schema without the features that a model can do without.

`component.py` and `executor.py` are the TFX side; `records.py` and `select.py` are the work and import no TFX.
"""
