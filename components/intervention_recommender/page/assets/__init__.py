"""The templates, style, scripts and texts of the officials' page."""
