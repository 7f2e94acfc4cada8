"""The stream consumer: events from a source, predictions to a sink, each at least once.

It shares the server's core (checks of inputs, model, hot swap, prediction log, metrics) and imports no KServe
and no web framework.
"""
