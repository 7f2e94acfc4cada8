"""Runs a pipeline on this machine, from data to pushed model."""
