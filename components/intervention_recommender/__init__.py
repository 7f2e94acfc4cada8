"""Which communities face the greatest barriers, what would help most by a model, and the best plan under a budget."""
