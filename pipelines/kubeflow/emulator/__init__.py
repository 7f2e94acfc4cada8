"""Runs a compiled spec on this machine, step by step as a cluster would."""
