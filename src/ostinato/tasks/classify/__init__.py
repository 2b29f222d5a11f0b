"""Classify texts and time series."""
