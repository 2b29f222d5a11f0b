"""Runs and records → figures, and one HTML page that needs nothing but itself."""
