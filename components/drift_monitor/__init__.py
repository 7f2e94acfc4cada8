"""Watches a served model: its prediction log against what it was trained on, and against the labels that came later.

result = monitor(log="logs/", pushes=PushedReferences(store), settings=MonitorSettings())
result.verdict  # "quiet", "drift" or "too_few"
"""
