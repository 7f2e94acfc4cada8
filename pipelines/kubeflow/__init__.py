"""Open-source Kubeflow Pipelines 2: the compiler, what a step runs, the runner of compiled specs, the client."""
