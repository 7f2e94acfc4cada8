"""Bringing an InferenceService to a new model step by step, and back where it does worse."""
