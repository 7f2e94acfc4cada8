"""Which communities of Peru face the greatest barriers to education."""
