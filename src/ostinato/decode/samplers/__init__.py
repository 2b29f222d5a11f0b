"""Samplers: logits (…,V) to logits (…,V), one function a file, named like it.

A symbol is excluded by a logit of -inf. Where logits are equal, the lower index comes first.
"""
