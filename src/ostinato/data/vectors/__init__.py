"""Word vectors that were trained elsewhere, on more text: their files, and what is taken."""
