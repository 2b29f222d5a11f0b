"""Tables of texts in files: one file for each format.

A format says by which ends of a name it is known (`SUFFIXES`), whether the first bytes of a file
are of it (`sniff`), and gives the `rows` of a file: one `Row` for each, bad ones too, so that who
reads can go on without them. What concerns the whole file, such as a missing column, is an error.
"""
