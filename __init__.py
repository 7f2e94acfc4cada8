"""Yachay: TFX components and reference pipelines that run, can be read, and reach production."""

__version__ = "0.1.0"
