"""InferenceServices and the runtimes that they name, rendered and as kustomize trees."""
