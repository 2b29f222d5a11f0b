"""Looking inside: what watches a model and returns plain records."""
