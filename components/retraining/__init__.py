"""When a model is trained anew: settings, the decision, the durable state of runs, and the rows to learn from."""
