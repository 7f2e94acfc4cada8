"""The recommendation as a page for officials: one file, offline."""
