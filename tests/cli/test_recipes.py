"""The recipes for characters train as they are, on a text of a moment."""

from pathlib import Path

import pytest

from ostinato.tasks.generate.settings import GenerateSettings

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("shakespeare*.toml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_for_characters_trains(terminal, recipe):
    out = f"runs/{recipe.stem}"
    words = ["--config", str(recipe), "--train.epochs", "1", "--out", out]
    assert "Held-out part of the text" in terminal.text("fit", "generate", "book.txt", *words)
    wanted = GenerateSettings.load(recipe)
    got = GenerateSettings.load(terminal.folder / out / "config.toml")
    assert got.model == wanted.model
    assert got.data == wanted.data
    assert got.train == wanted.train.model_copy(update={"epochs": 1})
