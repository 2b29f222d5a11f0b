"""Real data that comes inside packages: one file each, `read()` and where it is from.

`read()` gives labelled examples by split, or one plain text. A packaged source needs no
download; what it reads is checked against `SHA256`, and nothing but data files is touched.
"""
