"""Text so that all of it can be seen: no character in it moves a cursor or turns the reading."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"  # no text; tags
)
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")


def visible(text: str, keep: str = "") -> str:
    """A text as a terminal may show it: what cannot be seen is written as Python writes it.

    These are control characters, what turns the direction of reading, characters without width
    that no script needs, and halves of surrogate pairs.

    Args:
        text: the text.
        keep: characters that stay as they are, such as the end of a line.

    >>> visible("a\\x1b[31mb\\nc\\u202e"), visible("a\\nb", keep="\\n")
    ('a\\\\x1b[31mb\\\\nc\\\\u202e', 'a\\nb')
    """
    return _UNSEEN.sub(lambda m: m[0] if m[0] in keep else ascii(m[0])[1:-1], text)


def field(text: str) -> str:
    """A text as a field of a line: ends of lines and tabs as Python writes them, the rest as it is.

    >>> field("a\\tb\\nc\\x1b") == r"a\\tb\\nc" + "\\x1b"
    True
    """
    return _BREAKS.sub(lambda m: ascii(m[0])[1:-1], text)
