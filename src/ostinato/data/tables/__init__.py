"""Tables of texts: their formats, rows, labels, and the examples they hold."""
