"""Plain text."""

from ostinato.tasks.generate.held_out import GenerateHeldOut
from ostinato.tasks.generate.settings import GenerateSettings


def _ngrams(train, test, measure, tokenizer):
    settings = GenerateSettings.parse({"tokenizer": tokenizer}, "alternative")
    texts = [path.read_text("utf-8") for path in (train, test)]
    return float(GenerateHeldOut(texts[1]).baseline(settings, texts[:1])[measure])


def ngrams_of_characters(train, test, measure):
    """N-grams, interpolated Kneser-Ney."""
    return _ngrams(train, test, measure, "char")


def ngrams_of_words(train, test, measure):
    """N-grams, interpolated Kneser-Ney."""
    return _ngrams(train, test, measure, "word")
