"""The predict API: KServe's own server over a pushed model.

It imports neither components nor pipelines: its image holds no TFX.
"""
