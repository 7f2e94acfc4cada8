"""Data in: files of columns to `tf.Example` records, split into `train` and `eval`, and a quarantine.

`component.py` and `executor.py` are the TFX side; `ingest.py` is the work and imports no TFX.
"""
