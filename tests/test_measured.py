"""The page of results is written by its command, and its command measures what it says."""

import importlib.util
import json
import platform
import shutil
from pathlib import Path

import pytest

import measuring
from ostinato.errors import DataError, RunError

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("measured", ROOT / "benchmarks" / "results.py")
measured = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(measured)

TINY = """
[tiny]
fit = "classify DATA/films.csv --cell rnn --model.hidden 4 --model.embedding 4 --train.epochs 1"
[tiny.figures]
"linear baseline" = ['^ *linear baseline +N', ".1%"]

[feigned]
fit = "tag some --validation more --data.validation DATA/films.csv --config recipes/x.toml"
evaluate = "DATA/films.csv"
seeds = [0, 5]
[feigned.figures]
F1 = ["^f1 N", ".2f"]
"in the band" = ['(?s)^test.*?^ *gru +(?:\\S+ +){1}N', ".1%"]

[told]
run = "python --version"

[speed]
bench = ["ostinato bench lstm", "ostinato bench gru", "ostinato bench lstm --threads 1,2"]
"""
PAGE = "Before.\n\n" + "".join(
    f"<!-- {name} -->\n<!-- end -->\n\nAfter {name}.\n"
    for name in ("tiny", "feigned", "speed", "told")
)
FILMS = "text,label\n" + "".join(f"a good film {k},pos\na bad film {k},neg\n" for k in range(20))


@pytest.fixture
def home(tmp_path):
    """A repository with entries of a moment; its data lie in `data`."""
    for name, text in (
        ("benchmarks/results.toml", TINY),
        ("benchmarks/results.json", "{}"),
        ("docs/results.md", PAGE),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "films.csv").write_text(FILMS, "utf-8")
    return tmp_path


def page(home):
    return (home / "docs" / "results.md").read_text("utf-8")


def known(home, name):
    return json.loads((home / "benchmarks" / "results.json").read_text("utf-8"))[name]


def test_the_page_is_what_its_command_writes(tmp_path):
    for name in ("docs/results.md", "benchmarks/results.json", "benchmarks/results.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert measured.main(["--tables"], home=tmp_path) == 0
    for name in ("docs/results.md", "benchmarks/results.json"):
        assert (tmp_path / name).read_text("utf-8") == (ROOT / name).read_text("utf-8"), name


@pytest.mark.slow
def test_a_fit_is_run_read_written_and_not_run_again(home, capfd):
    words = [str(home / "data"), "--out", str(home / "out"), "--only", "tiny", "--seeds", "0"]
    assert measured.main(words, home=home) == 0
    first, weights = known(home, "tiny")["0"], (home / "out/tiny-0/model.safetensors").read_bytes()
    assert first["figures"] == {"linear baseline": 1.0}
    assert first["cpu"] > 0
    assert first["wall"] > 0
    assert (
        first["threads"] == json.loads((home / "out/tiny-0/manifest.json").read_text())["threads"]
    )
    assert "| linear baseline | 100.0% |\n| wall minutes | 0." in page(home)
    assert "\nostinato fit classify films.csv --cell rnn" in page(home)
    assert "--seed 0 --out tiny-0\n" in capfd.readouterr().err

    assert measured.main(words, home=home) == 0
    assert capfd.readouterr().err == ""
    assert known(home, "tiny")["0"] == first

    (home / "out" / "tiny-0.json").unlink()
    assert measured.main(words, home=home) == 0
    said = capfd.readouterr().err
    assert said == "ostinato fit classify DATA/films.csv --resume --out tiny-0\n"
    assert (home / "out/tiny-0/model.safetensors").read_bytes() == weights
    again = known(home, "tiny")["0"]
    assert again == first | {"wall": None, "cpu": None, "date": again["date"]}
    assert "| CPU minutes | – |" in page(home)


def test_figures_of_several_seeds_and_a_command_that_fails(home, monkeypatch, capsys):
    lines = []

    def run(line, given):
        lines.append(line)
        if line.startswith("ostinato evaluate"):
            return [f"f1 0.{len(lines)}"]
        if "--seed 5" in line and len(lines) == 3:
            raise RunError("`fit` ended with status 2")
        (given.out / line.split()[-1]).mkdir(exist_ok=True)
        return [
            "f1 0.01",
            " validation:  MSE",
            " gru  1.0  70.0%",
            "test:  MSE",
            " gru  2.0  85.5%",
        ]

    monkeypatch.setattr(measuring, "run", run)
    words = ["--out", str(home / "out"), "--only", "feigned"]
    assert measured.main(words, home=home) == 1
    assert "feigned: left out: `fit` ended with status 2\n" in capsys.readouterr().err
    assert "| F1 | 0.20 |\n| in the band | 85.5% |\n" in page(home)
    assert measured.main(words, home=home) == 0
    assert "|  | seed 0 | seed 5 | mean | deviation |" in page(home)
    assert "| F1 | 0.20 | 0.50 | 0.35 | 0.21 |" in page(home)
    fit = "ostinato fit tag some --validation more --data.validation DATA/films.csv"
    fit += " --config recipes/x.toml"
    assert lines == [
        f"{fit} --seed 0 --out feigned-0",
        "ostinato evaluate feigned-0 DATA/films.csv",
        f"{fit} --seed 5 --out feigned-5",
        f"{fit} --seed 5 --out feigned-5",
        "ostinato evaluate feigned-5 DATA/films.csv",
    ]
    (home / "out" / "feigned-0.json").unlink()
    (home / "out" / "feigned-0" / "config.toml").touch()  # as of a run that has begun
    assert measured.main(words, home=home) == 0
    assert lines[5] == "ostinato fit tag some --validation more --resume --out feigned-0"


def test_what_a_command_prints_goes_into_the_page(home):
    assert measured.main(["--out", str(home / "out"), "--only", "told"], home=home) == 0
    version = f"Python {platform.python_version()}"
    assert f"```sh\npython --version\n```\n\n```text\n{version}\n```\n" in page(home)
    assert page(home).endswith("<!-- end -->\n\nAfter told.\n")


def test_what_is_missing_or_unknown_is_one_line(home, capsys):
    (home / "data" / "deep" / "films.csv").unlink()
    assert measured.main([str(home / "data"), "--only", "tiny"], home=home) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tiny: left out: no films.csv anywhere below")
    assert measured.main(["--only", "tinny"], home=home) == 1
    assert "unknown entry 'tinny'; did you mean 'tiny'?" in capsys.readouterr().err
    assert "Not measured yet" in page(home)


def test_a_file_is_found_by_name_packed_or_not(home):
    films = home / "data" / "deep" / "films.csv"
    assert measuring.find("films.csv", home / "data") == str(films)
    films.rename(films.with_name("films.csv.xz"))
    assert measuring.find("films.csv", home / "data") == f"{films}.xz"
    with pytest.raises(DataError, match=r"no ilms\.csv anywhere below"):
        measuring.find("ilms.csv", home / "data")


def test_speed_takes_the_tables_of_all_its_pages(home, monkeypatch):
    def result(threads, **times):
        entries = [{"name": n.replace("_", " "), "milliseconds": t} for n, t in times.items()]
        entries = [e | {"ours": e["name"].startswith("ostinato")} for e in entries]
        shape = {"B": 1, "T": 2, "D": 3, "H": 4}
        return {"cell": "lstm", "shape": shape, "threads": threads, "contestants": entries}

    def run(line, given):
        folder = given.out / line.split()[-1]
        folder.mkdir(exist_ok=True)
        assert not (folder / "bench.md").exists()  # `ostinato bench` wants an empty folder
        (folder / "bench.md").write_text(f"# Speed\n\n- of {line}\n\n## lstm\n\n| 1 |\n", "utf-8")
        one = result(1, torch=6.0, compiled_loop=None, ostinato_native=3.0, ostinato_aten=1.0)
        two = result(2, torch=4.0, compiled_loop=5.0, ostinato_native=1.5, ostinato_aten=0.1)
        (folder / "bench.json").write_text(json.dumps({"results": [one, two]}))
        return []

    (home / "out" / "speed-2").mkdir(parents=True)
    (home / "out" / "speed-2" / "bench.md").write_text("of one that was stopped")
    monkeypatch.setattr(measuring, "run", run)
    assert measured.main(["--out", str(home / "out"), "--only", "speed"], home=home) == 0
    first, second = "- of ostinato bench lstm --out speed-1\n\n### lstm", "| 1 |\n\n### lstm\n"
    assert f"```\n\n{first}\n\n{second}\n| 1 |\n\n### Two threads" in page(home)
    assert "| lstm | 1×2×3×4 | 1.50 | 2.00 |\n\n<!-- end -->" in page(home)
