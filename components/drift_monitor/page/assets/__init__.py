"""The templates, style and texts of the monitor's page."""
