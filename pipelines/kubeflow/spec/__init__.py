"""What the compiler and a step share of a compiled pipeline."""
