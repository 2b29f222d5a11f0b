"""The recipes: each can be read, and those for characters train as they are."""

from pathlib import Path

import pytest

from ostinato.tasks.classify import ClassifySettings
from ostinato.tasks.generate import GenerateSettings
from ostinato.train import read_toml

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
KINDS = {"classify": ClassifySettings, "generate": GenerateSettings}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_setting_of_a_recipe_is_known(recipe):
    KINDS[read_toml(recipe)["task"]].load(recipe)


@pytest.mark.parametrize(
    "recipe", [p for p in RECIPES if "shakespeare" in p.stem], ids=lambda p: p.stem
)
def test_a_recipe_for_characters_trains(terminal, recipe):
    out = f"runs/{recipe.stem}"
    said = terminal.text(
        "fit", "generate", "book.txt", "--config", str(recipe), "--train.epochs", "1", "--out", out
    )
    assert "Held-out part of the text" in said
    wanted, got = (
        GenerateSettings.load(p) for p in (recipe, terminal.folder / out / "config.toml")
    )
    assert got.model == wanted.model
    assert got.train == wanted.train.model_copy(update={"epochs": 1})
