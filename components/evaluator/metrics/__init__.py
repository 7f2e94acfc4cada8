"""The metrics that the library brings: a module lists its own as `METRICS`, and nothing else names them."""
