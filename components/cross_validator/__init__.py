"""Folds of a cross-validation, for `yachay evaluate` and for pipelines that evaluate out-of-fold predictions."""
