"""Preprocessing from the configuration, for TFX Transform and for cross-validation."""
