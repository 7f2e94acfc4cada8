"""The numbers of a prediction, and the TFMA metrics that hand them to the Evaluator."""
