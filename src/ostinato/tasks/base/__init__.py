"""What all tasks share: the record of a task, estimators, settings, held-out sets."""
