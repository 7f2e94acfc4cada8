"""An installed package that adds a model family and a metric by entry points."""
