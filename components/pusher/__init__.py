"""Pushing blessed models to where they are served from."""
