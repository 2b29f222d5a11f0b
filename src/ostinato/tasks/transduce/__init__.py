"""Turn sequences into others."""
