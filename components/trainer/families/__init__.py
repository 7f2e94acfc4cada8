"""The model families of the library: one module each, which lists its families in `FAMILIES`."""
