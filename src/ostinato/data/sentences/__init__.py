"""Tagged sentences: their formats, schemes of tags, and the sentences of a file.

sentence: one sentence as it stands in a file; tagged: words and tags of many; schemes: what the
tags of entities mean.
"""

from ostinato.data.sentences.sentence import Answer, Sentence

__all__ = ["Answer", "Sentence"]
