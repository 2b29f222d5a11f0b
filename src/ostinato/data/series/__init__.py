"""Series of numbers over time: panels on a grid, their windows, and signals to classify."""
