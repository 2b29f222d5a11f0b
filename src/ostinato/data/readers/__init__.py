"""Readers: data by name, from a packaged source, a file, a folder or standard input."""
