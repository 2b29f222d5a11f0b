"""Samplers: logits (…,V) to logits (…,V), one function a file, named like it.

A sampler takes the logits, then its setting, if it has one, then what has been `seen`, if it
looks back. Its `PLACE` orders it among others: smaller numbers come first.

A symbol is excluded by a logit of -inf. Where logits are equal, the lower index comes first.
"""
