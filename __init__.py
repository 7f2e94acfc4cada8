"""Yachay: TFX components and reference pipelines that run, can be read, and reach production."""
