"""The monitor's result as a page: one file, offline."""
