"""Predict a number from a text or a time series."""
