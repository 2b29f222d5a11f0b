import json
import re
import subprocess
import sys

import pytest
from demo_results import classifier, results
from document import Document

from ostinato.report.demo_page import demo_page
from ostinato.report.page import labelled

LOADS = {"src", "srcset", "href", "data", "action", "poster", "xlink:href"}


@pytest.fixture(scope="module")
def page() -> str:
    return demo_page(results())


@pytest.fixture(scope="module")
def document(page: str) -> Document:
    return Document(page)


def headings(page: str) -> list[str]:
    return Document(page).texts("h2")


def test_cells_of_wide_tables_carry_the_heads_of_their_columns():
    head = '<thead><tr><th scope="col">model</th><th scope="col" class="x">a <b>&lt;b&gt;</b></th>'
    row = '<tr><th scope="row">GRU</th><td class="x">1</td><td>2</td></tr>'
    table = f"<table>{head}</tr></thead><tbody>{row}</tbody></table>"
    found = labelled(f'{table}<div class="wide" tabindex="0">{table}</div>')
    assert found.startswith(table)  # a small one stays as it is
    assert '<td data-head="a &lt;b&gt;" class="x">1</td><td data-head="">2</td>' in found


def test_every_cell_has_a_head(document):
    heads = [attributes["data-head"] for _, attributes in document.elements
             if "data-head" in attributes]  # fmt: skip
    assert heads
    assert all(heads)
    assert "recurrent" in heads


def test_nothing_is_loaded_from_outside(document):
    for tag, attributes in document.elements:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
        for name in LOADS & attributes.keys():
            assert (attributes[name] or "").startswith("#"), (tag, attributes)
    for style in document.texts("style"):
        assert "url(" not in style
        assert "@import" not in style
    policies = [
        attributes["content"]
        for tag, attributes in document.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert "default-src 'none'" in (policies[0] or "")
    assert "http" not in (policies[0] or "")


def test_plotly_is_inside_once(page):
    assert page.count("plotly.js v") == 1
    assert page.count("Plotly.newPlot(plot") == 1


def test_each_link_leads_to_a_section(document):
    ids = {attributes.get("id") for _, attributes in document.elements}
    links = [attributes["href"] for tag, attributes in document.elements if tag == "a"]
    assert len(links) == 6
    assert {str(link)[1:] for link in links} <= ids


def test_every_number_of_the_table_is_there(document):
    rows = document.texts("tr")[1:5]
    given = results()
    for row, record in zip(rows, [*given["classifiers"], given["baseline"]], strict=True):
        for name in ("test_accuracy", "validation_accuracy"):
            assert name not in record or f"{record[name]:.2%}" in row
        for name in ("parameters", "recurrent_parameters"):
            assert name not in record or f"{record[name]:,}" in row
    assert "48 s" in rows[0]
    assert "1 min 33 s" in rows[1]
    assert "linear baseline" in rows[3]


def test_the_best_row_alone_is_marked(document):
    assert [row for row in document.classed("tr", "top") if "linear baseline" in row]
    assert document.classed("span", "best") == ["best"]


def test_samples_are_whole_and_escaped(document):
    wanted = [sample["text"] for sample in results()["generator"]["samples"]]
    # A browser drops the first line break after <pre>, and only that one.
    assert document.classed("pre", "sample") == ["\n" + text for text in wanted]


def test_code_and_commands_are_whole(document):
    given = results()
    assert document.classed("pre", "code") == ["\n" + s for s in given["equations"].values()]
    assert given["next_steps"][0]["command"] in document.texts("code")
    assert document.texts("title") == [given["title"]]


def test_next_symbols_can_be_seen(document):
    assert [text for text in document.texts("kbd") if text != "KING"] == ["␣", "↵", "<", "&"]
    assert document.texts("td")[-1] == "<0.01%"


def test_figures_are_json_that_a_script_cannot_break_out_of(document):
    figures = document.texts("script", type="application/json")
    assert len(figures) == len(document.classed("div", "plot")) == 5
    for text in figures:
        assert "<" not in text
        assert json.loads(text)["data"]


@pytest.mark.parametrize(
    ("part", "heading"),
    [
        ("flow", "Gradient by distance"),
        ("generator", "Text generation: Shakespeare"),
        ("equations", "Equations"),
        ("next_steps", "What to try next"),
    ],
)
def test_a_missing_part_leaves_its_section_out(page, part, heading):
    rest = {name: value for name, value in results().items() if name != part}
    assert heading in headings(page)
    assert set(headings(page)) - set(headings(demo_page(rest))) == {heading}


def test_one_classifier_alone():
    alone = {**results(), "classifiers": [classifier("gru", 0.9, 40.0)]}
    del alone["generator"], alone["flow"], alone["baseline"]
    document = Document(demo_page(alone))
    lead = document.classed("p", "lead")[0]
    assert lead.endswith("The GRU is right on 90.00%.")
    assert "baseline" not in "".join(document.texts("main"))


def test_no_cell_state_no_dashes():
    given = results()
    del given["flow"]["lstm"]["start"]["c"], given["flow"]["lstm"]["trained"]["c"]
    assert "dashed" not in "".join(Document(demo_page(given)).texts("section", id="gradients"))


def test_a_history_of_one_epoch_is_no_curve(page):
    given = results()
    given["generator"]["history"] = given["generator"]["history"][:1]
    assert "Bits per character on the held-out text" in page
    assert "Bits per character on the held-out text" not in demo_page(given)


def test_a_cell_of_ones_own():
    given = results()
    given["classifiers"].append(classifier("mgu<2>", 0.6, 30.0))
    assert "MGU<2>" in "".join(Document(demo_page(given)).texts("table"))


def test_nothing_at_all():
    page = demo_page({})
    assert headings(page) == []
    assert "<script" not in page


def test_light_dark_paper_and_phone(document):
    style = "".join(document.texts("style"))
    for query in ("prefers-color-scheme: dark", "@media print", "@media (max-width"):
        assert query in style
    used = set(re.findall(r"var\((--[a-z]+)[,)]", style))
    assert used <= set(re.findall(r"(--[a-z]+):", style)) | {
        "--part",
        "--color",
        "--ratio",
        "--width",
        "--height",
    }


def test_the_room_is_not_entered_before_it_is_needed():
    code = "import ostinato, sys; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
