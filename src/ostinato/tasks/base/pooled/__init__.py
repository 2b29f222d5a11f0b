"""Tasks that answer once for a whole sequence, a text or a series of numbers.

What they share: embedding → recurrent stack → pooling → output, and how inputs become numbers.
"""
