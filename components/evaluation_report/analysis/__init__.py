"""The numbers of the report, from an evaluation, a model and the records it was evaluated on."""
