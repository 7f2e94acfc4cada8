"""The compiler: a TFX pipeline made into a spec of open-source Kubeflow Pipelines 2."""
