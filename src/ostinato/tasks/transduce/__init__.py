"""Turn sequences into others: translation, pronunciation."""
