"""Layouts of weights: one file for each ecosystem, and nothing else reorders a gate.

A cell's own parameters are one matrix for each operand of each affine map (`W_xi`, `W_hi`, …) and
one bias (`b_i`). An ecosystem keeps several of them in one tensor, a `Stack`.
"""
