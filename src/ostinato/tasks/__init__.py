"""Tasks: what people do with sequences. A file holds one: settings, network, loss, metrics, use."""
