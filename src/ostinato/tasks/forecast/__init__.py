"""Forecast series."""
