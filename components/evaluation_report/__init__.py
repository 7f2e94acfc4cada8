"""The evaluation of a model as one page that people browse, offline, and its twin in JSON and CSV."""
