"""The report as pages: one file each, offline."""
