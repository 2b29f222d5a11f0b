"""What the settings of every task have."""

from __future__ import annotations

from pydantic import Field

from ostinato.tasks.stack import Stack
from ostinato.train import Section, Training


class TaskSettings(Section):
    """Settings of a run: each task says what its data and its network are."""

    cell: str = Field("lstm", description="a cell's name, or path/to/file.py:name")
    seed: int = Field(0, ge=0, lt=2**63, description="fixes everything random")
    data: Section = Section()
    model: Stack = Stack()
    train: Training = Training()
