"""Compiled once for all cells: products, gradients, tasks; and the functions of special values."""
