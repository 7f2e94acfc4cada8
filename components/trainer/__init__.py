"""The trainer: model families, the choice between them, and the export that any loader can serve.

`run_fn.py` is what TFX's Trainer calls; the rest is the work and imports no TFX.
"""
