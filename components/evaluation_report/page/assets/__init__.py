"""The templates, style, script and texts of the evaluation page."""
