"""Events whose outcome is known, to spans of training data."""
