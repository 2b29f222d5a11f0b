"""Experiments: models trained side by side, and judged by the same held-out set."""
