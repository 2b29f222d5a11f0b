"""What is drawn is what the model is."""

import re

import pytest
from document import Document

from ostinato import cells
from ostinato.cells import find
from ostinato.observe.architecture import architecture
from ostinato.report.diagrams import cell_diagram, network_diagram
from ostinato.tasks.classify.network import ClassifyNetwork
from ostinato.tasks.classify.settings import ClassifyNetworkSettings
from ostinato.tasks.generate.network import GenerateNetwork, GenerateNetworkSettings


def signals(cell):
    """The formula of every signal of a diagram, as it is said to who cannot see it."""
    drawn = cell_diagram(find(cell).graph.to_json(), "#123456")
    said = re.search(r'aria-label="One step of \w+: ([^"]*)"', drawn)[1]
    return dict(part.split(" = ") for part in said.split("; "))


def test_the_lstm():
    gate = "σ(W[xₜ, hₜ₋₁] + b)"
    assert signals("lstm") == {
        "i": gate,
        "f": gate,
        "g": "tanh(W[xₜ, hₜ₋₁] + b)",
        "o": gate,
        "cₜ": "f ⊙ cₜ₋₁ + i ⊙ g",
        "hₜ": "o ⊙ tanh(cₜ)",
    }


def test_the_reset_gate_tells_the_two_grus_apart():
    assert signals("gru")["n"] == "tanh(W xₜ + b + r ⊙ (W hₜ₋₁ + b))"
    assert signals("cho_gru")["n"] == "tanh(W[xₜ, r ⊙ hₜ₋₁] + b)"


@pytest.mark.parametrize("cell", cells.names())
def test_every_cell_can_be_drawn(cell):
    graph = find(cell).graph
    drawn = cell_diagram(graph.to_json(), "#123456")
    Document(drawn)  # all elements are closed
    numbers = r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"'
    boxes = [tuple(map(float, box)) for box in re.findall(numbers, drawn)]
    width = float(re.search(r'viewBox="0 0 (\d+)', drawn)[1])
    for k, (x, y, w) in enumerate(boxes):
        assert x >= 0
        assert x + w <= width
        for x2, y2, w2 in boxes[k + 1 :]:
            assert y != y2 or x + w < x2 or x2 + w2 < x, "two boxes overlap"
    for state in graph.state_names:
        assert f"{state}ₜ" in drawn
    assert not re.search(r"\bNone\b|Node\(", drawn)


def test_a_state_handed_on_as_it_is(tmp_path):
    file = tmp_path / "odd.py"
    file.write_text(
        "from ostinato import affine, cell, tanh\n\n\n@cell\ndef odd(x, h, c):\n"
        "    return tanh(affine(x, c)), h\n"
    )
    drawn = cell_diagram(find(f"{file}:odd").graph.to_json(), "#123456")
    assert "hₜ = tanh(W[xₜ, cₜ₋₁] + b); cₜ = hₜ₋₁" in drawn


def test_a_classifier_part_by_part():
    model = ClassifyNetworkSettings(embedding=5, hidden=7, layers=2, pooling="attention")
    network = ClassifyNetwork(find("lstm"), model, 11, 3)
    parts = architecture(network)
    assert '<g class="gate" style="--color:#123456">' in network_diagram(parts, "#123456")
    assert [part["kind"] for part in parts] == [
        "embedding", "recurrent", "recurrent", "pooling", "output",
    ]  # fmt: skip
    assert [part["gives"] for part in parts] == [
        "B × T × 5", "B × T × 14", "B × T × 14", "B × 14", "B × 3 logits",
    ]  # fmt: skip
    assert sum(part["parameters"] for part in parts) == sum(p.numel() for p in network.parameters())
    assert parts[1]["parameters"] == 2 * (4 * 7 * (5 + 7) + 2 * 4 * 7)  # both of PyTorch's biases
    drawn = network_diagram(parts, "#123456")
    Document(drawn)
    assert drawn.count('class="steps"') == 4  # two layers, both directions


def test_a_generator_part_by_part():
    network = GenerateNetwork(find("gru"), GenerateNetworkSettings(embedding=5, hidden=7), 11)
    parts = architecture(network)
    assert [part["gives"] for part in parts] == ["B × T × 5", "B × T × 7", "B × T × 11 logits"]
    drawn = network_diagram(parts, "#123456")
    assert "linear, 7 → 11" in drawn
    assert f"{sum(p.numel() for p in network.parameters()):,} parameters" in drawn
