"""Files of word vectors: one file for each format.

A format is a `files.format.Format`: it says by which ends of a name it is known (`SUFFIXES`),
whether the first bytes of a file are of it (`sniff`), and reads the vectors of the words that are
needed (`read`).
"""
