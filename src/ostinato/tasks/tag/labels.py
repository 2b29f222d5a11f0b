"""Tags of sentences as the labels of a network, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato.data import Tagged
from ostinato.data.sentences import schemes
from ostinato.data.sentences.notation import Notation, notation_of
from ostinato.data.sentences.schemes import OUTSIDE
from ostinato.errors import DataError, quoted
from ostinato.nn import Constraints
from ostinato.visible import field as as_field

PREFIXES = "BIES"
_SAME = dict.fromkeys(("iobes", "bilou", "bmes"), "bioes")  # in other letters, see `Notation`
MOST = 2**13
"""Labels: what may follow what is a table of their square."""


@dataclass(frozen=True)
class Labels:
    """The labels of a tagger: of entities those of BIOES, whatever the scheme of the file.

    Attributes:
        classes: the labels, in the order of their numbers.
        scheme: that in which tags are written, `io`, `iob1`, `iob2` or `bioes`; `none` where a tag
            is just a tag.
        unlabelled: the tag that stands for one that is not known, as an empty one always does.
        notation: how tags of entities are written.
    """

    classes: list[str]
    scheme: str
    unlabelled: str = ""
    notation: Notation = field(default_factory=Notation)

    def __post_init__(self) -> None:
        if len(self.classes) > MOST:
            raise DataError(f"{len(self.classes):,} different tags; the limit is {MOST:,}")

    @classmethod
    def of(cls, sentences: Tagged, scheme: str, unlabelled: str = "") -> Self:
        """The labels of training sentences.

        Args:
            sentences: the sentences.
            scheme: `auto` takes tags for entities where `notation_of` does, and the scheme that
                most tags agree with.
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
        for tag in ("", unlabelled):
            seen.pop(tag, None)
        if not seen:
            raise DataError(f"{sentences.place(0)}: no word has a tag; {_none(unlabelled)}")
        notation = None if scheme == "none" else notation_of(seen)
        if notation and not notation.letters and scheme not in ("auto", schemes.IO):
            notation = None
        if scheme == "none" or (scheme == "auto" and not notation and not _any_entity(seen)):
            return cls(sorted(seen), "none", unlabelled)
        if notation is None:
            notation = Notation("") if scheme == schemes.IO else Notation()
        read = {tag: notation.read(tag) for tag in seen}
        odd = next((tag for tag in seen if read[tag] is None), None)
        if odd is not None:
            raise DataError(
                f"{seen[odd]}: the tag {quoted(odd)} is not in a known scheme: O, or B-, I-, E- "
                "or S- and a type; tags that are not entities require --data.scheme none"
            )
        made = cls([OUTSIDE], _SAME.get(scheme, scheme), unlabelled, notation)
        if not notation.letters:
            made = replace(made, scheme=schemes.IO)
        elif scheme == "auto":
            count = schemes.unusual(made.canonical(made.given(tags)) for tags in sentences.tags)
            made = replace(made, scheme=min(count, key=lambda name: count[name]))
        kinds = sorted({tag[2:] for tag in read.values() if tag} - {""})
        inside = [f"{prefix}-{kind}" for kind in kinds for prefix in PREFIXES]
        return replace(made, classes=[OUTSIDE, *inside])

    @property
    def entities(self) -> bool:
        """Whether tags are those of entities."""
        return self.scheme != "none"

    def is_given(self, tag: str) -> bool:
        """Whether a tag of a file is known."""
        return tag not in ("", self.unlabelled)

    def given(self, tags: Sequence[str]) -> list[str]:
        """Those of a sentence's tags that are known."""
        return [tag for tag in tags if self.is_given(tag)]

    def canonical(self, tags: Sequence[str]) -> list[str]:
        """A sentence's tags as `schemes` has them; what is of no known notation stays as it is."""
        if not self.entities:
            return list(tags)
        return [self.notation.read(tag) or tag for tag in tags]

    def any_known(self, sentences: Iterable[Sequence[str]]) -> bool:
        """Whether one of these tags is among the labels, or none of them says anything."""
        tags = {tag for tags in sentences for tag in self.given(tags)} - {"_"}
        return not tags or not set(self.canonical([*tags])).isdisjoint(self.classes)

    def possible(self) -> list[str]:
        """The tags of the labels, as the notation writes them."""
        return [*map(self._written, self.classes)]

    def named(self) -> str:
        """The first labels, for errors."""
        more = ", …" if len(self.classes) > 4 else ""
        return ", ".join(map(repr, self.possible()[:4])) + more

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
        known = list(map(self.is_given, tags))
        tags = self.canonical(tags)
        if unknown:
            types = {name[2:] for name in self.classes}
            known = [
                given and (tag[2:] in types if self.entities else tag in place)
                for given, tag in zip(known, tags, strict=True)
            ]
        plain = [tag if given else OUTSIDE for tag, given in zip(tags, known, strict=True)]
        inside = schemes.in_scheme(plain, "bioes") if self.entities else tags
        for k, tag in enumerate(tags):
            if not known[k]:
                allowed[k] = True
                continue
            options = [inside[k]]
            if tag != OUTSIDE and self.entities:
                beside = (0 <= k + d < len(tags) and not known[k + d] for d in (-1, 1))
                options = [f"{each}{inside[k][1:]}" for each in _open(inside[k][0], *beside)]
            for option in options:
                if option not in place:
                    raise DataError(f"the tag {quoted(tag)} is not in the training data")
                allowed[k, place[option]] = True
        return allowed

    def tags(self, labels: Iterable[int]) -> list[str]:
        """The tags of a sentence's labels, in scheme and notation."""
        names = [self.classes[k] for k in labels]
        return [*map(self._written, self._in_scheme(names))]

    def written(self, tags: Sequence[str]) -> list[str]:
        """A sentence's tags as this scheme and notation write them."""
        plain = [tag if self.is_given(tag) else self.notation.outside for tag in tags]
        return [*map(self._written, self._own(plain))]

    def known(
        self, true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
    ) -> tuple[list[list[str]], list[list[str]]]:
        """The tags of sentences as `schemes` has them, without words whose tag is not known.

        Args:
            true: those of the file.
            predicted: those of a model.
        """
        pairs = []
        for a, b in zip(true, predicted, strict=True):
            kept = [k for k, tag in enumerate(a) if self.is_given(tag)]
            pairs.append(([a[k] for k in kept], [b[k] for k in kept]))
        first, second = zip(*pairs, strict=True) if pairs else ((), ())
        return self._of_a_file(first), [*map(self._own, second)]

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
        notation = Notation.from_json(values.get("notation", {}))
        read = cls(list(classes), scheme, unlabelled, notation)
        if read.scheme not in (*schemes.SCHEMES, schemes.IO, "none") or not read.classes:
            raise ValueError(f"unknown scheme {quoted(read.scheme)}")
        for name in (*read.classes, read.unlabelled, notation.sign, notation.outside):
            if as_field(name) != name:  # it would be several lines, or columns, of a file
                raise ValueError(f"a label contains a tab or a line break, {quoted(name)}")
        known = all(map(schemes.is_tag, classes)) and classes[0] == OUTSIDE
        if read.entities and not known:
            raise ValueError("a label is not in the scheme")
        return read

    def _in_scheme(self, tags: Sequence[str]) -> list[str]:
        return schemes.in_scheme(tags, self.scheme) if self.entities else list(tags)

    def _written(self, tag: str) -> str:
        return self.notation.write(tag) if self.entities else tag

    def _of_a_file(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of a whole file as this scheme has them, in whatever notation they are."""
        if not self.entities:
            return [list(tags) for tags in sentences]
        own, found = self.notation, notation_of({tag for tags in sentences for tag in tags})
        if found and found.letters and not (own.letters and self._reads(sentences)):
            return [*map(replace(self, notation=found)._own, sentences)]
        return [*map(self._own, sentences)]

    def _own(self, tags: Sequence[str]) -> list[str]:
        return self._in_scheme(self.canonical(tags))

    def _reads(self, sentences: Sequence[Sequence[str]]) -> bool:
        return all(self.notation.read(tag) for tags in sentences for tag in tags)


def _any_entity(tags: Iterable[str]) -> bool:
    return any(schemes.is_tag(tag) and tag != OUTSIDE for tag in tags)


def _none(unlabelled: str) -> str:
    """Why no tag is known, and what to do."""
    if unlabelled:
        return f"all are {quoted(unlabelled)}, the value of data.unlabelled"
    return "all are `_`, which stands for one that is not given; use --data.tag for another column"


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
