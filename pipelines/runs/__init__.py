"""A run: folder, progress, summary and index, whether its pipeline ran as it is or as a compiled spec."""
