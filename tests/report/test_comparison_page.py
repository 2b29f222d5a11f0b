import json

import numpy as np
import pytest
from document import Document
from test_comparison import flips, run

from ostinato.cells import find
from ostinato.report.comparison import comparison
from ostinato.report.comparison_page import comparison_page

LOADS = {"src", "srcset", "href", "data", "action", "poster", "xlink:href"}


def parts(cell):
    return [
        {"kind": "recurrent", "name": cell, "inside": "8 units", "gives": "B × T × 8",
         "parameters": 1234, "directions": 2, "states": {"h": 8}},
    ]  # fmt: skip


def results(**changes):
    random = np.random.default_rng(0)
    runs = []
    for seed in range(3):
        for cell, part in (("rnn", 0.6), ("lstm", 0.95), ("<mgu>", 0.95)):
            scores = flips(random, part, 100)
            each = run(cell, seed, scores)
            each["test"] |= {
                "classes": ["neg & co", "pos"],
                "confusion": [[scores.count(1), 1], [2, scores.count(0)]],
                "confidence": [0.9] * 100,
            }
            sizes = [0.5**k for k in range(20)]
            each["flow"] = {"start": {"h": sizes}, "epoch 1": {"h": sizes}, "trained": {"h": sizes}}
            each |= {"architecture": parts(cell), "graph": find("gru").graph.to_json()}
            each["history"] = [e | {"validation_loss": 0.5} for e in each["history"]]
            runs.append(each)
    baseline = {"name": "linear baseline", "accuracy": 0.9, "scores": [1] * 90 + [0] * 10,
                "exam": "e", "parameters": 4321, "seconds": 3.0}  # fmt: skip
    return {
        **comparison(runs, "accuracy", False, baseline),
        "task": "classify",
        "pooling": "max_mean",
        "title": "RNN & <b>others",
        "created": "2026-11-21T04:56:26Z",
        "seconds": 75.0,
        "machine": "Linux x86_64",
        "data": {"training": 400, "test": 100},
        **changes,
    }


@pytest.fixture(scope="module")
def given():
    return results()


@pytest.fixture(scope="module")
def document(given):
    return Document(comparison_page(given, "ostinato compare"))


def test_nothing_is_loaded_from_outside(document):
    for tag, attributes in document.elements:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
        for name in LOADS & attributes.keys():
            assert (attributes[name] or "").startswith("#"), (tag, attributes)


def test_every_section_is_there(document):
    assert document.texts("h2") == [
        "Comparison",
        "Which differences are significant?",
        "Confusion matrix",
        "Calibration",
        "Learning curves",
        "Gradient by distance",
        "Architecture",
        "The runs",
    ]
    assert document.texts("title") == ["RNN & <b>others"]


def test_numbers_of_the_table(given, document):
    rows = document.texts("tr")[1:5]
    for text, row in zip(rows, given["rows"], strict=False):
        for number in (f"{row['mean']:.2%}", f"± {row['deviation']:.2%}", "60 recurrent",
                       f"{row['low']:.2%} … {row['high']:.2%}", "200 tokens/s"):  # fmt: skip
            assert number in text
    assert "90.00%" in rows[3]
    assert "4,321" in rows[3]
    assert document.classed("span", "best") == ["best mean"]


def test_what_is_claimed_is_what_is_shown(given, document):
    lead = document.classed("p", "lead")[0]
    shown = {(pair["first"], pair["second"]): pair["better"] for pair in given["pairs"]}
    assert shown["rnn", "lstm"] == "lstm"
    assert shown["lstm", "<mgu>"] is None
    assert "LSTM is better than RNN (p " in lead
    assert "LSTM and <MGU>" in lead.partition("No significant difference between ")[2]
    told = [row for row in document.texts("tr") if row.startswith("LSTM − <MGU>")]
    assert told[0].startswith("LSTM − <MGU>not shown")


def test_a_band_and_a_mean_for_each_cell(document):
    _, loss, accuracy, *_ = map(json.loads, document.texts("script", type="application/json"))
    bands = [trace for trace in loss["data"] if trace.get("fill") == "toself"]
    assert len(bands) == 3
    assert [trace["name"] for trace in accuracy["data"] if "name" in trace] == [
        "RNN", "LSTM", "&lt;MGU&gt;",
    ]  # fmt: skip


def test_confusion_and_calibration(given, document):
    (first, *_) = document.classed("table", "confusion")
    (counts, _), classes = (
        given["confusions"]["rnn"]["counts"],
        given["confusions"]["rnn"]["classes"],
    )
    assert classes[0] in first
    assert f"{counts[0] / sum(counts):.1%}" in first
    right = given["rows"][0]["mean"]
    assert f"{0.9 - right:.1%} too sure" in "".join(document.texts("section", id="calibration"))


def test_many_classes_are_a_list_of_mistakes():
    names = [f"class {k}" for k in range(10)]
    counts = np.zeros((10, 10), int)
    counts[3, 7], counts[1, 2] = 9, 4
    confusion = {"rnn": {"classes": names, "counts": counts.tolist()}}
    text = "".join(
        Document(comparison_page(results(confusions=confusion), "x")).texts(
            "section", id="mistakes"
        )
    )
    assert text.index("class 3class 79") < text.index("class 1class 24")


def test_runs_without_an_exam_have_curves_and_diagrams_alone():
    runs = [run("rnn", 0, [1, 0])]
    del runs[0]["test"]
    runs[0] |= {"architecture": parts("rnn"), "graph": find("rnn").graph.to_json()}
    page = comparison_page(results() | comparison(runs, "accuracy", False), "ostinato report")
    document = Document(page)
    assert document.texts("h2") == [
        "Results", "Learning curves", "Architecture", "The runs",
    ]  # fmt: skip
    assert "60.00%" in document.texts("tr")[1]  # the best on validation


def test_samples_are_escaped():
    sample = {"rnn": [{"temperature": 0.5, "text": "<b>KING</pre>"}]}
    document = Document(comparison_page(results(samples=sample), "x"))
    assert document.classed("pre", "sample") == ["\n<b>KING</pre>"]


@pytest.mark.parametrize(
    ("equal", "said"),
    [("time", "the same training time"), ("recurrent", "60: LSTM 8 units, +0.00%")],
)
def test_what_was_made_equal_is_said(equal, said):
    text = "".join(Document(comparison_page(results(equal=equal), "x")).texts("section"))
    assert said in text.replace("\n", " ")


def tagged(f1, errors):
    """Runs of taggers of two cells, three seeds each."""
    runs = []
    for seed in range(3):
        for cell in ("lstm", "gru"):
            each = run(cell, seed, errors)
            each["test"] = {"f1": f1, "scores": errors, "exam": "e",
                            "kinds": {"PER": [3, 4, 6], "<b>": [0, 0, 1]}}  # fmt: skip
            each["history"] = [e | {"f1": f1, "validation_loss": 0.5} for e in each["history"]]
            each["tagged"] = [
                {"words": ["mr", "<Lee>"], "true": ["O", "B-PER"], "tags": ["O", "B-<b>"],
                 "sure": [0.9, 0.625]},
            ]  # fmt: skip
            each |= {"architecture": parts(cell), "graph": find(cell).graph.to_json()}
            runs.append(each)
    baseline = {"name": "most frequent tag", "f1": 0.5, "scores": [-1] * 20, "exam": "e",
                "seconds": 0.1}  # fmt: skip
    return {**results(), **comparison(runs, "f1", False, baseline), "task": "tag"}


def test_a_page_on_taggers():
    page = Document(comparison_page(tagged(0.875, [0, -1] * 10), "ostinato compare"))
    assert "Precision and recall" in page.texts("h2")
    lead = page.classed("p", "lead")[0]
    assert "87.50% F1" in lead
    assert "the most frequent tag has 50.00%" in lead
    assert "400 sentences" in lead
    types = "".join(page.texts("section", id="types"))
    # of both types over three seeds; 3 of 4 found, of 6 that are there
    assert "PER75.0%50.0%60.0%18" in types
    assert "<b>–0.0%0.0%3" in types
    sentences = "".join(page.texts("section", id="sentences"))
    assert "<Lee> B-<b> → B-PER" in sentences
    titles = [attributes.get("title") for _, attributes in page.elements]
    assert "B-<b>, confidence 62.5%" in titles
    accuracy = [json.loads(x) for x in page.texts("script", type="application/json")][1]
    assert accuracy["layout"]["yaxis"]["tickformat"].endswith("p")


def test_what_answers_together_is_named_and_told_apart():
    linear = {"kind": "linear", "name": "linear baseline", "inside": "n-grams of words " * 4,
              "gives": "B × 2 logits", "parameters": 7}  # fmt: skip
    runs = []
    for seed in range(2):
        each = run("gru with linear baseline", seed, [1, 1, 1, 0])
        each["test"]["alone"] = {"network": 0.5 + seed / 4, "linear baseline": 1.0}
        each |= {"architecture": [*parts("gru"), linear], "graph": find("gru").graph.to_json()}
        each["flow"] = {"start": {"h": [1.0, 0.5]}, "trained": {"h": [1.0, 0.5]}}
        runs.append(each)
    found = comparison(runs, "accuracy", False)
    told = {"title": "GRU", "task": "classify"}
    page = Document(comparison_page({**found, **told}, "ostinato report"))
    rows = page.texts("tr")[1:4]
    assert rows[0].startswith("GRU with linear baseline 8 units75.00%")
    assert rows[1].strip() == "network alone 62.50%"
    assert "100.00% best mean" in rows[2]
    lead = page.classed("p", "lead")[0]
    assert lead.startswith("GRU was trained with 2 seeds, and evaluated on 4 held-out texts.")
    assert "with" not in "".join(page.texts("section", id="gradients"))  # the network's alone
    unjudged = [{k: v for k, v in each.items() if k != "test"} for each in runs]
    found = comparison(unjudged, "accuracy", False)
    page = comparison_page({**found, **told}, "ostinato report")
    assert "those of the networks alone" in page


def test_series_are_not_called_texts():
    each = run("gru", 0, [1, 0])
    numbers = {"kind": "numbers", "name": "numbers", "inside": "", "gives": "", "parameters": 0}
    each |= {"architecture": [numbers], "graph": find("gru").graph.to_json()}
    each["history"] = [e | {"validation_loss": 0.5} for e in each["history"]]
    found = comparison([each], "accuracy", False) | {"title": "GRU", "task": "classify"}
    page = comparison_page(found, "ostinato report")
    assert "2 held-out series" in page
    assert "Loss, nats per series" in page
    assert "texts" not in page.partition("<body>")[2].partition("<h2>Architecture")[0]
