"""Model the language of a text, to generate more of it."""
