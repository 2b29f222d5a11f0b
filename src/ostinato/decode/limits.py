"""What is not searched beyond."""

MOST_BEAM = 1000
"""Memory and time grow with the beam, and what is found with a wider one hardly differs."""
