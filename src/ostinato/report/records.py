"""Records: what runs leave and pages draw, as plain data that JSON has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]
"""Values by name; which names there are is said where a record is made."""
Results: TypeAlias = Record
"""The record of a whole page."""
