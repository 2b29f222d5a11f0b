"""How near written texts are to what they should be: exact match, error rates, BLEU, chrF.

Rows with the same source are one text with several references. A text is right where it equals any
of them, and its errors are counted against the one that it is nearest to. BLEU and chrF are those
of the rows, each with its own reference, as sacrebleu computes them from raw text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ostinato.data import Pairs
from ostinato.data.extra import extra

EXTRA = "pairs"
"""The extra of Ostinato that brings jiwer and sacrebleu."""


@dataclass(frozen=True)
class Measures:
    """How a transducer does.

    Attributes:
        texts: different sources.
        exact_match: the part of texts that equal one of their references. The rest of 1 is the
            word error rate of pronunciations.
        token_error_rate: the least number of tokens to be put in, taken out or changed, over the
            tokens of the references; tokens stand between white space. It is the phone error rate
            of pronunciations, the word error rate of sentences. Of several references the nearest
            counts, of equally near ones the first.
        bleu: BLEU, 0 to 100 (Papineni et al. 2002).
        chrf: chrF2, 0 to 100 (Popović 2015).
        signatures: how sacrebleu computed these two.
    """

    texts: int
    exact_match: float
    token_error_rate: float
    bleu: float
    chrf: float
    signatures: tuple[str, str]


def measure(predicted: Mapping[str, str], pairs: Pairs, more: Pairs | None = None) -> Measures:
    """Measures texts.

    Args:
        predicted: the text that was written for each source.
        pairs: the sources and their references.
        more: further references; what they are not of one of the sources does not count.

    Raises:
        DataError: when jiwer or sacrebleu is not installed.
    """
    references: dict[str, list[str]] = {source: [] for source in pairs.sources}
    for each in (pairs, more) if more else (pairs,):
        for source, target in zip(each.sources, each.targets, strict=True):
            if source in references:
                references[source].append(target)
    exact = edits = tokens = 0
    for source, known in references.items():
        wrong, length = nearest(predicted[source], known)
        exact += predicted[source].split() in [text.split() for text in known]
        edits, tokens = edits + wrong, tokens + length
    metrics = extra("sacrebleu.metrics", EXTRA)
    written, wanted = [predicted[source] for source in pairs.sources], [list(pairs.targets)]
    bleu, chrf = metrics.BLEU(), metrics.CHRF()
    return Measures(
        texts=len(references),
        exact_match=exact / len(references),
        token_error_rate=edits / tokens,
        bleu=bleu.corpus_score(written, wanted).score,
        chrf=chrf.corpus_score(written, wanted).score,
        signatures=(str(bleu.get_signature()), str(chrf.get_signature())),
    )


def nearest(text: str, references: Sequence[str]) -> tuple[int, int]:
    """The fewest edits of tokens to one of the references, and how many tokens that one has.

    Of several that are equally near it is the first.
    """
    process = extra("jiwer", EXTRA).process_words
    found = []
    for reference in references:
        counts = process(reference, text)
        edits = counts.substitutions + counts.deletions + counts.insertions
        found.append((edits, counts.hits + counts.substitutions + counts.deletions))
    return min(found, key=lambda pair: pair[0])
