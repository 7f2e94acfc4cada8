"""Who is at risk of dropping out."""
