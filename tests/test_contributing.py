"""CONTRIBUTING.md says what is true: what it adds is found under its name and works."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch

from ostinato import cells, cli, data, levels, nn
from ostinato.decode.sample import chain
from ostinato.errors import ConfigError
from ostinato.nn import engines
from ostinato.proof import prove

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
EXAMPLES = dict(
    re.findall(r"```python\n# src/ostinato/(\S+)\.py\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
)


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Adds an example of the page to the package that it belongs to, until the test is over."""
    added = []

    def add(path):
        file = tmp_path / "added" / f"{path}.py"
        file.parent.mkdir(parents=True)
        file.write_text(EXAMPLES[path], "utf-8")
        package = importlib.import_module(f"ostinato.{Path(path).parent}".replace("/", "."))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(file.parent)])
        importlib.invalidate_caches()
        added.append((package, file.stem))

    yield add
    for package, stem in added:
        sys.modules.pop(f"{package.__name__}.{stem}", None)
        vars(package).pop(stem, None)


def run(*words):
    """A command that must succeed."""
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 0


def test_every_example_is_used_here():
    source = Path(__file__).read_text("utf-8")
    others = [path for path in EXAMPLES if not path.startswith("tasks/")]  # test_sixth_task.py
    assert [path for path in others if f'add("{path}")' not in source] == []


def test_a_cell(add, capsys):
    add("cells/leaky_rnn")
    assert "leaky_rnn" in cells.names()
    run("verify", "leaky_rnn")
    assert "All proofs hold." in capsys.readouterr().out


def test_a_level(add, capsys):
    add("levels/dot")
    run("show", "lstm", "--level", "dot")
    assert capsys.readouterr().out.startswith('digraph lstm {\n  0 [label="input x"];\n')
    assert "dot" in levels.names()


def test_a_witness(add):
    add("proof/witnesses/zero")
    assert [p.holds for p in prove(cells.find("rnn")) if p.against == "zero"] == [True]


def test_a_sampler(add):
    add("decode/samplers/top_a")
    logits = torch.tensor([0.5, 0.3, 0.2]).log()
    assert chain(top_a=1.0)(logits).isfinite().tolist() == [True, True, False]


def test_a_source(add, tmp_path, monkeypatch, capsys):
    add("data/sources/fizz")
    monkeypatch.chdir(tmp_path)
    small = ["--model.hidden", "4", "--model.embedding", "4", "--train.epochs", "1"]
    run("fit", "generate", "fizz", *small, "--out", "run")
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_a_table_format(add, tmp_path):
    add("data/tables/formats/psv")
    file = tmp_path / "reviews.psv"
    file.write_text("text|label\na fine film|pos\na dull film|neg\n", "utf-8")
    examples = data.read_labelled(str(file))["train"]
    assert list(examples.texts) == ["a fine film", "a dull film"]
    assert list(examples.labels) == ["pos", "neg"]


def test_an_engine(add):
    add("nn/engines/double")
    x, caches = torch.randn(5, 2, 3), (engines.find, engines.by_priority)
    try:
        double, plain = nn.LSTM(3, 4, engine="double"), nn.LSTM(3, 4, engine="torch").double()
        plain.load_state_dict(double.state_dict())
        found, expected = double(x)[0], plain(x.double())[0]
        assert torch.equal(found, expected.float())
        found.sum().backward()
        assert all(w.grad is not None for w in double.parameters())
        with pytest.raises(ConfigError, match="engine 'double' needs weights of 32 bits"):
            double.double()(x.double())
    finally:
        for cache in caches:
            cache.cache_clear()
