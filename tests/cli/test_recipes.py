"""The recipes for language models train as they are, on a text of a moment."""

import pytest

from ostinato.errors import UnknownName
from ostinato.tasks.generate.settings import GenerateSettings
from ostinato.train import read_toml


@pytest.mark.parametrize("recipe", ["shakespeare", "ptb-words"])
def test_a_recipe_for_a_text_trains(terminal, recipe):
    out = f"runs/{recipe}"
    words = ["--config", recipe, "--train.epochs", "1", "--out", out]
    assert "Held-out part of the text" in terminal.text("fit", "generate", "book.txt", *words)
    wanted = GenerateSettings.load(recipe)
    got = GenerateSettings.load(terminal.folder / out / "config.toml")
    assert got.model == wanted.model
    assert got.data == wanted.data
    assert got.train == wanted.train.model_copy(update={"epochs": 1})


def test_a_file_of_the_user_comes_before_a_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    brought = read_toml("imdb")
    assert brought["task"] == "classify"
    assert read_toml("recipes/imdb.toml") == brought  # as the recipes of a clone were named
    (tmp_path / "imdb").mkdir()  # no settings of anybody
    assert read_toml("imdb") == brought
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "imdb.toml").write_text("seed = 5\n")
    assert read_toml("recipes/imdb.toml") == {"seed": 5}
    with pytest.raises(UnknownName, match="unknown recipe 'imdb-bset'; did you mean 'imdb-best'"):
        read_toml("imdb-bset")
