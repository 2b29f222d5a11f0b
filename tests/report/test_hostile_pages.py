"""What runs and data say is text on every page, whatever it looks like."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from demo_results import results as demo_results
from test_comparison import flips, run
from test_frameworks_page import result, small_plan
from test_frameworks_page import results as compared

from ostinato.cells import find
from ostinato.report.comparison import comparison
from ostinato.report.comparison_page import comparison_page
from ostinato.report.demo_page import demo_page
from ostinato.report.frameworks_page import frameworks_page
from ostinato.report.recall_page import recall_page

EVIL = (
    "\"'></script></style></title></svg><!--<script>document.title='ran'</script>"
    "<img src=x onerror=\"document.title='ran'\"><a href=\"javascript:document.title='ran'\">"
    "&lt;%{x}$\\u2028"
)
FIXED = {"op", "created", "scheme", "framework"}


def hostile(record, key=""):
    """A record all of whose strings, wherever they are, would be elements and scripts."""
    match record:
        case str() if key not in FIXED:
            return EVIL + record
        case dict():
            return {name: hostile(value, name) for name, value in record.items()}
        case list():
            return [hostile(each, key) for each in record]
        case _:
            return record


def observed(seed, cell):
    """Of all tasks at once: every section is drawn."""
    random = np.random.default_rng(seed)
    scores, sizes = flips(random, 0.8, 40), [0.5**k for k in range(9)]
    own = run(cell, seed, scores)
    steps = {"mae": [0.5, 0.6]}
    columns = {EVIL: {"mae": 0.5}}
    naive = {"mse": 1.0, "mae": 1.0, "columns": columns, "steps": steps}
    groups = [{"low": 1, "high": 2, "texts": 3, "error_rate": 0.1, "exact_match": 0.5}] * 2
    own["test"] |= {
        "classes": hostile(["neg", "pos"]), "confusion": [[1, 2], [3, 4]],
        "confidence": [0.9] * 40, "kinds": {EVIL: [1, 2, 3]},
        "bleu": 1.0, "chrf": 2.0, "error_rate": 0.5, "exact_match": 0.5,
        "signatures": hostile(["a", "b"]), "lengths": {"unit": EVIL, "groups": groups},
        **naive, "baseline": naive, "levels": [0.1, 0.5, 0.9], "season": EVIL, "part": EVIL,
        "windows": 7, "below": {"0.1": 0.1, "0.5": 0.5, "0.9": 0.9},
    }  # fmt: skip
    own |= {
        "architecture": hostile([{"kind": "recurrent", "name": "x", "inside": "y", "gives": "z",
                                  "parameters": 12, "directions": 1, "states": {"h": 8}}]),
        "graph": find("gru").graph.to_json(),
        "flow": {"start": {EVIL: sizes, "c": sizes}, EVIL: {EVIL: sizes, "c": sizes},
                 "trained": {EVIL: sizes, "c": sizes}},
        "level": EVIL,
        "path": EVIL,
        "samples": [{"temperature": EVIL, "text": EVIL}],
        "tagged": [{"words": [EVIL, "b"], "true": [EVIL, "O"], "tags": [EVIL, "O"],
                    "sure": [0.5, 0.5]}],
        "attentions": [
            {"source": [EVIL, "b"], "tokens": [EVIL], "text": EVIL, "reference": EVIL + "?",
             "weights": [[0.5, 0.5]]},
            {"source": [EVIL, "b"], "tokens": [EVIL], "text": EVIL, "reference": EVIL,
             "weights": None},
        ],
        "forecasts": [
            {"column": EVIL, "series": EVIL, "times": [EVIL, EVIL + "2", "3"], "origin": 1,
             "values": [1.0, None, 2.0], "quantiles": [[1.0, 2.0]] * 3, "naive": [1.0, 2.0]},
        ],
    }  # fmt: skip
    own["history"] = [
        each | dict.fromkeys(("validation_loss", "mse", "f1", "nats", "bits", "error_rate"), 0.5)
        for each in own["history"]
    ]
    return own


def of_task(task):
    runs = [observed(seed, f"{EVIL} {cell}") for seed in range(2) for cell in ("a", "b")]
    baseline = {"name": EVIL, "accuracy": 0.9, "scores": [1] * 36 + [0] * 4, "exam": "e",
                "parameters": 4321, "seconds": 3.0}  # fmt: skip
    return {
        **comparison(runs, "accuracy", False, baseline), "task": task, "pooling": EVIL,
        "title": EVIL, "created": "2026-11-21T04:56:26Z", "seconds": 75.0, "machine": EVIL,
        "data": {"training": 400, "test": 100},
    }  # fmt: skip


def demo():
    given = demo_results()
    for record in given["classifiers"]:
        record["level"] = EVIL
    return hostile(given)


def recall():
    found = {"cell": EVIL, "length": 10, "solved": True, "left": 0.5, "loss": 0.1, "baseline": 0.2,
             "held_out": 10, "history": [{"epoch": 1, "validation_loss": 0.1}]}  # fmt: skip
    return {"problem": "adding", "found": [found], "until": EVIL, "machine": EVIL, "seconds": 1.0,
            "created": "2026-11-21T04:56:26Z"}  # fmt: skip


def side_by_side():
    """As `compare-frameworks` leaves it: curves, differences, speeds, and what was in dispute."""
    plan = small_plan()
    both = {"torch": result(plan), "keras": result(plan, 2.4e-5, 2, 0.8)}
    return hostile(compared(plan, **both))


PAGES = {
    "classify": lambda: comparison_page(of_task("classify"), EVIL),
    "generate": lambda: comparison_page(of_task("generate"), EVIL),
    "demo": lambda: demo_page(demo()),
    "frameworks": lambda: frameworks_page(side_by_side(), EVIL),
    "recall": lambda: recall_page(recall(), EVIL),
}


class Seen(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.elements, self.scripts, self.policy, self._script = [], [], "", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self._script = (dict(attrs).get("type"), [])
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"]

    def handle_data(self, data):
        if self._script:
            self._script[1].append(data)

    def handle_endtag(self, tag):
        if tag == "script":
            self.scripts.append((self._script[0], "".join(self._script[1])))
            self._script = None


@pytest.fixture(scope="module", params=PAGES)
def page(request):
    return PAGES[request.param]()


def test_no_element_and_no_attribute_is_of_the_data(page):
    assert "document.title" in page  # it was shown at all
    for tag, attributes in Seen(page).elements:
        assert tag not in {"img", "iframe", "object", "embed", "base", "form", "link"}
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert tag != "a" or re.fullmatch(r"#[a-z]+", attributes["href"])


def test_only_scripts_of_the_package_are_allowed(page):
    seen = Seen(page)
    running = [text for kind, text in seen.scripts if kind is None]
    allowed = re.search(r"script-src ([^;]*)", seen.policy)[1].split()
    assert allowed == [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in running
    ]
    assert len(running) == 2
    assert not any("document.title='ran'" in text for text in running)
    assert "default-src 'none'" in seen.policy


def test_plotly_is_given_no_markup_of_the_data(page):
    figures = [json.loads(text) for kind, text in Seen(page).scripts if kind == "application/json"]
    assert figures

    def check(each, key=""):
        if isinstance(each, dict):
            for name, value in each.items():
                check(value, name)
        elif isinstance(each, list):
            for value in each:
                check(value, key)
        elif isinstance(each, str) and key != "hovertemplate":
            assert "<" not in each, (key, each)

    check(figures)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium")
def test_in_a_browser_plots_are_drawn_and_nothing_else_runs(page, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(page, "utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000",
        "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True).stdout
    seen = Seen(shown)
    assert not any(tag == "title" and attributes for tag, attributes in seen.elements)
    assert "<title>ran</title>" not in shown
    plots = [a for tag, a in seen.elements if tag == "div" and "plot" in a.get("class", "").split()]
    assert plots
    assert all("js-plotly-plot" in attributes["class"] for attributes in plots)
    assert not any(tag == "img" for tag, _ in seen.elements)
