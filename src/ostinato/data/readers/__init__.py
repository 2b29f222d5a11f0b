"""Readers: data by name, from a packaged source, a file, a folder or standard input; or in memory.

One file for each kind of data: labelled examples, texts, pairs, series, tagged sentences.
"""
