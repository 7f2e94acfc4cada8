"""Style, scripts, templates and texts that all pages share."""
