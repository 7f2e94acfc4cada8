"""Starts trainings on what the monitor found: on this machine, or on Kubeflow Pipelines."""
