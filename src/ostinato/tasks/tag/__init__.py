"""Tag the words of sentences: names, parts of speech, punctuation."""
