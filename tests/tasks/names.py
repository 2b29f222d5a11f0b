"""A little language of names: what a word is, is told by its neighbours or by its spelling."""

import random

SMALL_TAGGER = {
    "data": {"batch_tokens": 200},
    "model": {
        "embedding": 8,
        "hidden": 12,
        "characters": 6,
        "character_hidden": 6,
        "dropout": 0.1,
    },
    "train": {"epochs": 8, "lr": 0.02, "patience": 8, "threads": 1},
}
"""Enough to learn the names in a second."""


def names(count: int, seed: int, scheme: str = "iob2") -> tuple[list[list[str]], list[list[str]]]:
    """Sentences in which persons follow "mr" and places end in "burg" or "ville"."""
    draw = random.Random(seed)

    def word(*ends: str) -> str:
        return "".join(draw.choices("abcdelmnorst", k=draw.randint(2, 4))) + draw.choice(ends)

    sentences, tags = [], []
    for _ in range(count):
        person = [word("").capitalize() for _ in range(draw.randint(1, 2))]
        place = [word("burg", "ville").capitalize()]
        sentences.append(["mr", *person, draw.choice(["sees", "left"]), *place, "."])
        inside = ["B-PER", "I-PER"][: len(person)]
        tags.append(["O", *inside, "O", "B-LOC", "O"])
    if scheme == "iob1":
        tags = [[tag.replace("B-", "I-") for tag in own] for own in tags]
    return sentences, tags
