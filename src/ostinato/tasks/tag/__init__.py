"""Tag the words of sentences."""

from ostinato.tasks.tag.model import TagModel

MODEL = TagModel
