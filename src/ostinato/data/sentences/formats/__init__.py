"""Tagged sentences in files: one file for each format.

A format says by which ends of a name it is known (`SUFFIXES`), whether the first bytes of a file
are of it (`sniff`), and gives the sentences of a file (`read`): each a `Sentence`, bad ones too,
which can be written back with other tags and loses nothing.
"""
