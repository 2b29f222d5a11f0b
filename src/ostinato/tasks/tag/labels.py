"""Tags of sentences as the labels of a network, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato.data import Tagged
from ostinato.data.sentences import schemes
from ostinato.data.sentences.schemes import OUTSIDE
from ostinato.errors import DataError, quoted
from ostinato.nn import Constraints
from ostinato.visible import field

PREFIXES = "BIES"
MOST = 2**13
"""Labels: what may follow what is a table of their square."""


@dataclass(frozen=True)
class Labels:
    """The labels of a tagger: of entities those of BIOES, whatever the scheme of the file.

    Attributes:
        classes: the labels, in the order of their numbers.
        scheme: that in which tags are written, `iob1`, `iob2` or `bioes`; `none` where a tag is
            just a tag.
        unlabelled: the tag that stands for one that is not known; "" where there is none.
    """

    classes: list[str]
    scheme: str
    unlabelled: str = ""

    def __post_init__(self) -> None:
        if len(self.classes) > MOST:
            raise DataError(f"{len(self.classes):,} different tags; the limit is {MOST:,}")

    @classmethod
    def of(cls, sentences: Tagged, scheme: str, unlabelled: str = "") -> Self:
        """The labels of training sentences.

        Args:
            sentences: the sentences.
            scheme: `auto` takes tags for entities where one begins with `B-`, `I-`, `E-` or `S-`,
                and the scheme that most tags agree with.
            unlabelled: see the class.

        Raises:
            DataError: for a tag that is of no scheme, where there should be one, or where no tag
                is known.
        """
        seen: dict[str, str] = {}
        for k, tags in enumerate(sentences.tags):
            for word, tag in enumerate(tags):
                if tag not in seen:
                    seen[tag] = sentences.place(k, word)
        seen.pop(unlabelled, None)
        if not seen:
            raise DataError(
                f"{sentences.place(0)}: no word has a tag; all are "
                f"{quoted(unlabelled)}, the value of data.unlabelled"
            )
        looks = any(schemes.is_tag(tag) and tag != OUTSIDE for tag in seen)
        if scheme == "auto" and not looks and (like := schemes.lookalike(seen)):
            raise DataError(
                f"{seen[like[0]]}: the tag {quoted(like[0])} looks like an "
                f"entity tag, which is written {quoted(like[1])}; change it, "
                "or use --data.scheme none for plain tags"
            )
        if scheme == "none" or (scheme == "auto" and not looks):
            return cls(sorted(seen), "none", unlabelled)
        odd = next((tag for tag in seen if not schemes.is_tag(tag)), None)
        if odd is not None:
            raise DataError(
                f"{seen[odd]}: the tag {quoted(odd)} is not in a known scheme: O, or B-, I-, E- "
                "or S- and a type; tags that are not entities require --data.scheme none"
            )
        if scheme == "auto":
            known = ([t for t in tags if t != unlabelled] for tags in sentences.tags)
            count = schemes.unusual(known)
            scheme = min(count, key=lambda name: count[name])
        kinds = sorted({tag[2:] for tag in seen} - {""})
        inside = [f"{prefix}-{kind}" for kind in kinds for prefix in PREFIXES]
        return cls([OUTSIDE, *inside], scheme, unlabelled)

    @property
    def entities(self) -> bool:
        """Whether tags are those of entities."""
        return self.scheme != "none"

    def any_known(self, sentences: Iterable[Sequence[str]]) -> bool:
        """Whether one of these tags is among the labels, or none of them says anything."""
        tags = {tag for tags in sentences for tag in tags} - {self.unlabelled, "", "_"}
        return not tags or not tags.isdisjoint(self.classes)

    def named(self) -> str:
        """The first labels, for errors."""
        more = ", …" if len(self.classes) > 4 else ""
        return ", ".join(map(repr, self.classes[:4])) + more

    def constraints(self) -> Constraints | None:
        """What may follow what; None where anything may."""
        if not self.entities:
            return None
        may = schemes.may_follow
        number: dict[str, int] = {}
        kinds = torch.tensor([number.setdefault(k[2:], len(number)) for k in self.classes])
        begins = torch.tensor([may(None, k) for k in self.classes])
        ends = torch.tensor([may(k, None) for k in self.classes])
        inside = ~ends[:, None] & ~begins[None]  # an entity continues with its own type
        follow = torch.where(inside, kinds[:, None] == kinds[None], ends[:, None] & begins[None])
        return Constraints(begins, follow, ends)

    def sets(self, tags: Sequence[str], unknown: bool = False) -> NDArray[np.bool_]:
        """Which labels each word may have (T, K): one, or where its tag is not known any.

        Whether an entity beside an unknown tag ends there is not known either.

        Args:
            tags: those of a sentence.
            unknown: takes a tag that training did not have for one that is not known.

        Raises:
            DataError: for a tag that is no label.
        """
        place = {name: k for k, name in enumerate(self.classes)}
        allowed = np.zeros((len(tags), len(self.classes)), np.bool_)
        if unknown:
            types = {name[2:] for name in self.classes}
            known = (lambda tag: tag[2:] in types) if self.entities else place.__contains__
            tags = [tag if known(tag) else self.unlabelled for tag in tags]
        plain = [OUTSIDE if tag == self.unlabelled else tag for tag in tags]
        inside = schemes.in_scheme(plain, "bioes") if self.entities else tags
        for k, tag in enumerate(tags):
            if tag == self.unlabelled:
                allowed[k] = True
                continue
            options = [inside[k]]
            if tag != OUTSIDE and self.entities:
                prefixes = _open(inside[k][0], *(self._unknown(tags, k + d) for d in (-1, 1)))
                options = [f"{prefix}{inside[k][1:]}" for prefix in prefixes]
            for option in options:
                if option not in place:
                    raise DataError(f"the tag {quoted(tag)} is not in the training data")
                allowed[k, place[option]] = True
        return allowed

    def tags(self, labels: Iterable[int]) -> list[str]:
        """The tags of a sentence's labels, in the scheme."""
        names = [self.classes[k] for k in labels]
        return schemes.in_scheme(names, self.scheme) if self.entities else names

    def written(self, tags: Sequence[str]) -> list[str]:
        """A sentence's tags as this scheme writes them."""
        return schemes.in_scheme(tags, self.scheme) if self.entities else list(tags)

    def known(
        self, true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
    ) -> tuple[list[list[str]], list[list[str]]]:
        """The tags of sentences as this scheme writes them, without words whose tag is not known.

        Args:
            true: those of the file.
            predicted: those of a model.
        """
        pairs = []
        for a, b in zip(true, predicted, strict=True):
            kept = [k for k, tag in enumerate(a) if tag != self.unlabelled]
            pairs.append(([a[k] for k in kept], [b[k] for k in kept]))
        return [self.written(a) for a, _ in pairs], [self.written(b) for _, b in pairs]

    def to_json(self) -> dict[str, object]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What `to_json` wrote.

        Raises:
            ValueError: when it is none.
        """
        classes, scheme, unlabelled = (values[k] for k in ("classes", "scheme", "unlabelled"))
        if not all(isinstance(word, str) for word in (*classes, scheme, unlabelled)):
            raise ValueError("a label is not a string")
        if len(set(classes)) < len(classes):
            raise ValueError("a label is repeated")
        read = cls(list(classes), scheme, unlabelled)
        if read.scheme not in (*schemes.SCHEMES, "none") or not read.classes:
            raise ValueError(f"unknown scheme {quoted(read.scheme)}")
        for name in (*read.classes, read.unlabelled):
            if field(name) != name:  # it would be several lines, or columns, of a file
                raise ValueError(f"a label contains a tab or a line break, {quoted(name)}")
        known = all(map(schemes.is_tag, classes)) and classes[0] == OUTSIDE
        if read.entities and not known:
            raise ValueError("a label is not in the scheme")
        return read

    def _unknown(self, tags: Sequence[str], k: int) -> bool:
        return 0 <= k < len(tags) and tags[k] == self.unlabelled


def _open(prefix: str, before: bool, after: bool) -> str:
    """The prefixes that a BIOES tag may have beside tags that are not known.

    >>> _open("B", True, False), _open("S", False, True), _open("I", True, True)
    ('BI', 'SB', 'I')
    """
    options = prefix
    if before and prefix in "BS":
        options += {"B": "I", "S": "E"}[prefix]
    if after and prefix in "ES":
        options += "".join({"E": "I", "S": "B", "B": ""}[p] for p in options)
    return options
