"""Tracks runs and registers their models: MLflow, Kubeflow's Model Registry, or the model store alone."""
