import re

import pytest

from every import EVERY, short
from ostinato import cells
from ostinato.levels.latex import source

every_cell = pytest.mark.parametrize("name", EVERY, ids=short)
either_way = pytest.mark.parametrize("backward", [False, True])


@every_cell
@either_way
def test_every_group_is_closed(name, backward):
    text = source(cells.find(name), backward)
    assert text.startswith("\\begin{align*}\n")
    assert text.endswith("\n\\end{align*}\n")
    brackets = "".join(re.findall(r"\\(?:left|right)\b(.)", text))
    while brackets != (smaller := re.sub(r"\(\)|\[\]", "", brackets)):
        brackets = smaller
    assert not brackets
    depth = 0
    for character in re.sub(r"\\[{}]", "", text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    for row in text.splitlines()[1:-1]:
        assert row.count("{") == row.count("}")
        assert " &= " in row


@every_cell
def test_every_signal_has_a_row_with_its_note(name):
    graph = cells.find(name).graph
    rows = source(cells.find(name)).splitlines()[1:-1]
    for node, signal in graph.names.items():
        (row,) = (row for row in rows if row.startswith(f"{signal}_{{t}} &="))
        note = graph.notes.get(node)
        assert note is None or f"\\text{{{note}}}" in row


@every_cell
def test_the_gradient_of_every_parameter_and_state_has_a_row(name):
    graph = cells.find(name).graph
    rows = source(cells.find(name), backward=True).splitlines()
    sums = [row for row in rows if r"\frac{\partial L}{\partial" in row]
    assert len(sums) == len(graph.parameters)
    assert all(r"\sum_t" in row for row in sums)
    for leaf in (*graph.state_names, graph.nodes[0].label):
        assert any(row.startswith(rf"\delta {leaf if len(leaf) == 1 else ''}") for row in rows)


def test_elmans_network_as_the_paper_prints_it():
    assert r"h_{t} &= \tanh\left(W_{xh} x_{t} + W_{hh} h_{t-1} + b_{h}\right)" in source(
        cells.find("rnn")
    )
    lstm = source(cells.find("lstm"), backward=True)
    assert r"c_{t} &= f_{t} \odot c_{t-1} + i_{t} \odot g_{t} && \text{cell state}" in lstm
    assert r"\frac{\partial L}{\partial b_{i}} &= \sum_t" in lstm


def test_names_and_notes_of_any_kind_are_told_as_they_are(tmp_path):
    file = tmp_path / "odd.py"
    file.write_text(
        "from ostinato import affine, cell, sigmoid, tanh\n\n\n@cell\ndef odd(x, h):\n"
        "    x_prev = sigmoid(affine(x, h)) * 1e-12  # 50% of x_t & h\n"
        "    g = tanh(affine(x, h)) * len('#1')\n"
        "    return x_prev * g + h\n"
    )
    first, second, third = source(cells.find(f"{file}:odd")).splitlines()[1:-1]
    assert first.startswith("x_{prev,t} &=")
    assert r"1 \cdot 10^{-12}" in first
    assert r"\text{50\% of x\_t \& h}" in first
    assert r"\text" not in second
    assert "+ h_{t-1}" in third
