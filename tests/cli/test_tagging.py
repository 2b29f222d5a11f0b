"""Tagging at the command line: what is read comes out again, tagged; what is wrong is told."""

import json
import re

import pytest
from safetensors.numpy import load_file

SMALL = "--model.hidden 12 --model.embedding 8 --model.characters 6 --model.character-hidden 6"
SMALL += " --model.dropout 0.1 --train.lr 0.02 --data.batch-tokens 200 --train.patience 14"
CELLS = [*SMALL.split(), "--train.epochs", "2"]
SHORT = [*CELLS, "--cell", "gru"]
SMALL = [*SMALL.split(), "--cell", "gru", "--train.epochs", "14"]
NAMES = [
    ("mr Ann Lee sees Oldburg .", "O I-PER I-PER O I-LOC O"),
    ("Bo left Newville", "I-PER O I-LOC"),
]
CLASSES = {"mr": "NOUN", "sees": "VERB", "left": "VERB", ".": "PUNCT"}


def conll(count, start=0):
    """Sentences in four columns, as CoNLL-2003 has them."""
    blocks = ["-DOCSTART- -X- O O"]
    for k in range(start, start + count):
        words, tags = NAMES[k % 2]
        rows = zip(words.replace("Lee", f"Le{k}").split(), tags.split(), strict=True)
        blocks.append("\n".join(f"{w} NN I-NP {t}" for w, t in rows))
    return "\n\n".join(blocks) + "\n"


def conllu(count):
    text = ""
    for k in range(count):
        text += f"# sent_id = {k}\n"
        for n, word in enumerate(NAMES[k % 2][0].split(), start=1):
            if n == 2:
                text += "2-3\tboth\t_\t_\t_\t_\t_\t_\t_\t_\n"
            kind = CLASSES.get(word, "PROPN")
            text += f"{n}\t{word}\t_\t{kind}\tX\t_\t0\troot\t_\tNote={n}\n"
        text += "1.1\tempty\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
    return text


@pytest.fixture(scope="module")
def place(terminal):
    for name, text in {
        "names.conll": conll(60),
        "dev.conll": conll(10, start=7),
        "words.conllu": conllu(40),
        "notes.txt": "Well, I am fine. Is NASA here?\nWell, is it fine? I am here.\n" * 20,
    }.items():
        (terminal.folder / name).write_text(text)
    terminal.tagged = [
        terminal.text(
            "fit",
            "tag",
            "names.conll",
            "--data.validation",
            "dev.conll",
            "--out",
            "taggers/names",
            *SMALL,
        ),
        terminal.text("fit", "tag", "words.conllu", "--out", "taggers/words", *SMALL),
        terminal.text("fit", "tag", "notes.txt", "--out", "taggers/case", *SMALL),
    ]
    return terminal


def test_fit_says_what_it_did(place):
    names, words, _ = place.tagged
    assert re.search(r"validation F1 .*\n.*\n gru +[01]\.\d{4} +[\d,]+ +\d+ s", names)
    assert re.search(r"each word's most frequent tag +[01]\.\d{4}", names)
    assert "Saved in taggers/names. Next: ostinato evaluate taggers/names DATA" in names
    assert "validation accuracy" in words
    manifest = json.loads((place.folder / "taggers/names/manifest.json").read_text())
    assert manifest["data"]["given"] == "names.conll"


def test_evaluate_counts_entities_and_words(place):
    out = place.text("evaluate", "taggers/names", "dev.conll")
    measures = dict(line.rsplit(" ", 1) for line in out.split("\n\n")[0].splitlines())
    assert list(measures) == [
        "accuracy", "precision", "recall", "f1", "words", "unknown words", "unknown characters",
    ]  # fmt: skip
    assert float(measures["f1"]) > 0.8
    assert measures["words"] == "45"
    assert re.search(r"^ all +\d+\.\d\d% +\d+\.\d\d% +\d+\.\d\d% +20 +\d+ *$", out, re.M)
    out = place.text("evaluate", "taggers/words", "words.conllu")
    assert "f1" not in out
    assert re.search(r"^ PROPN +100\.00%", out, re.M)
    strange = conll(2).replace("Bo", "Бо")
    out = place.text("evaluate", "taggers/names", "-", given=strange)
    assert "unknown words 1\nunknown characters 2 (Б о)\n" in out


def test_json_is_what_the_lines_say(place):
    out = place.text("evaluate", "taggers/names", "dev.conll")
    found = json.loads(place.text("evaluate", "taggers/names", "dev.conll", "--json"))
    assert f"\nf1 {found['f1']:.4f}\n" in out
    assert found["words"] == 45
    given = "mr\nAnn\n\nBo\n"
    lines = place.text("predict", "taggers/names", given=given).split("\n\n")
    answers = place.text("predict", "taggers/names", "--json", given=given).splitlines()
    for line, answer in zip(lines, map(json.loads, answers), strict=True):
        pairs = zip(answer["words"], answer["tags"], strict=True)
        assert line.strip() == "\n".join(map(" ".join, pairs))


def test_of_its_own_training_file_only_what_was_held_out_is_measured(place):
    done = place("evaluate", "taggers/words", "words.conllu")
    held = json.loads((place.folder / "taggers/words/manifest.json").read_text())["data"]
    assert "validation_sha256" not in held
    assert done.err == (
        "ostinato: words.conllu: the run was trained on this file; "
        "evaluated on its held-out part, 4 of 40 "
        "sentences\n"
    )
    assert re.search(r"^words 18$", done.out, re.M)  # of 180
    done = place("evaluate", "taggers/names", "names.conll")
    assert done.err == (
        "ostinato: names.conll: the run was trained on all of this file; the "
        "result does not hold for new text\n"
    )
    assert re.search(r"^words 270$", done.out, re.M)
    assert place("evaluate", "taggers/names", "dev.conll").err == ""


def test_predict_writes_the_file_again_with_tags_in_their_column(place):
    blind = re.sub(r"(?m) \S+$", " ?", conll(8))
    out = place.text("predict", "taggers/names", "-", given=blind)
    assert [line.rsplit(" ", 1)[0] for line in out.split("\n")] == [
        line.rsplit(" ", 1)[0] for line in blind.split("\n")
    ]
    assert "Oldburg NN I-NP I-LOC\n" in out  # in the scheme that was read
    assert "B-" not in out
    out = place.text("predict", "taggers/names", "dev.conll", "--beside", "--confidence")
    assert re.search(r"^mr NN I-NP O O [01]\.\d{4}$", out, re.M)
    out = place.text("predict", "taggers/names", "-", given="mr\nAnn\n\nBo\n")
    assert re.fullmatch(r"mr \S+\nAnn \S+\n\nBo \S+\n", out)


def conlleval(text):
    """The counts of the Perl script: of lines all as wide, the last two columns; (P, R, F1)."""
    lines = [line.split(" ") if line else [] for line in text.splitlines()]
    assert len({len(fields) for fields in lines if fields}) == 1  # "unexpected number of features"
    entities = [set(), set()]
    open_ = [None, None]
    for k, fields in enumerate([*lines, []]):
        for j, tag in enumerate(fields[-2:] or ["O", "O"]):
            prefix, _, kind = tag.partition("-")
            if open_[j] and (tag == "O" or prefix == "B" or kind != open_[j][1]):
                entities[j].add((*open_[j], k))
                open_[j] = None
            if tag != "O" and not open_[j]:
                open_[j] = (k, kind)
    correct, there, found = len(entities[0] & entities[1]), *map(len, entities)
    return correct / found, correct / there, 2 * correct / (there + found)


def test_conlleval_counts_what_predict_writes_as_evaluate_does(place):
    text = (place.folder / "dev.conll").read_text()
    head, middle = "-DOCSTART- -X- O O\n\n", "-DOCSTART-\n"
    text = text.replace("Oldburg NN I-NP I-LOC", "Oldburg NN I-NP O", 2)
    text = text.replace("\nBo", f"\n{middle}\nBo", 1) + "\n" + head.strip()
    (place.folder / "documents.conll").write_text(text)
    out = place.text("predict", "taggers/names", "documents.conll", "--beside")
    said = place.text("evaluate", "taggers/names", "documents.conll").splitlines()[1:4]
    assert said == [
        f"{name} {value:.4f}"
        for name, value in zip(("precision", "recall", "f1"), conlleval(out), strict=True)
    ]
    assert re.findall(r"(?m)^-DOC.*", out) == [
        "-DOCSTART- -X- O O O",
        "-DOCSTART- O O O O",
        "-DOCSTART- -X- O O O",
    ]
    assert len(out.splitlines()) == len(text.splitlines())
    out = place.text("predict", "taggers/names", "documents.conll", "--confidence")
    assert re.findall(r"(?m)^-DOC.*", out) == [
        "-DOCSTART- -X- O O 1.0000",
        "-DOCSTART- O O O 1.0000",
        "-DOCSTART- -X- O O 1.0000",
    ]
    assert {len(line.split()) for line in out.splitlines() if line} == {5}
    out = place.text("predict", "taggers/names", "documents.conll")
    assert re.findall(r"(?m)^-DOC.*", out) == [head.strip(), middle.strip(), head.strip()]
    words = "".join(f"{line.split()[0]}\n" if line else "\n" for line in text.splitlines())
    out = place.text("predict", "taggers/names", "-", given=words)
    assert re.findall(r"(?m)^-DOC.*", out) == ["-DOCSTART- O"] * 3


def test_predict_keeps_all_of_conllu(place):
    text = (place.folder / "words.conllu").read_text()
    assert place.text("predict", "taggers/words", "words.conllu") == text
    blind = re.sub(r"(?m)^(\d+\t\S+\t_)\t[A-Z]+", r"\1\t_", text)
    assert blind != text
    (place.folder / "blind.conllu").write_text(blind)
    assert place.text("predict", "taggers/words", "blind.conllu") == text
    out = place.text("predict", "taggers/words", "blind.conllu", "--confidence")
    assert re.search(r"\tNote=1\|Confidence=[01]\.\d{4}\n", out)


def test_a_file_of_another_format_than_the_run_s_is_read_as_what_it_is(place):
    """Its words are tagged, and the tags go where that format has them; nothing else changes."""
    trees = (place.folder / "words.conllu").read_text()
    columns = re.sub(r"(?m)^(#.*|\S+[-.].*)\n", "", trees)
    columns = re.sub(r"(?m)^\d+\t(\S+)\t_\t(\S+)\t.*", r"\1 \2", columns)
    (place.folder / "kinds.conll").write_text(columns)
    place.text("fit", "tag", "kinds.conll", "--out", "taggers/kinds", *SMALL)
    blind = re.sub(r"(?m)^(\d+\t\S+\t_)\t[A-Z]+", r"\1\t_", trees)
    (place.folder / "blind.conllu").write_text(blind)
    assert place.text("predict", "taggers/kinds", "blind.conllu") == trees
    assert place.text("predict", "taggers/kinds", "-", given=blind) == trees
    assert place.text("predict", "taggers/words", "kinds.conll") == columns
    words = re.sub(r"(?m) \S+$", "", columns)
    done = place("predict", "taggers/words", "-", "--format", "conll", given=words)
    assert (done.out, done.err) == (columns, "")  # behind the words, not in their place
    for run, file in (("kinds", "words.conllu"), ("words", "kinds.conll")):
        done = place("evaluate", f"taggers/{run}", file)
        assert done.out.startswith("accuracy 1.0000\nwords 18\n")
        assert "evaluated on its held-out part" in done.err  # the same words with the same tags


def test_other_tags_of_another_format_are_neither_written_over_nor_measured_by(place):
    trees = (place.folder / "words.conllu").read_text()
    done = place("predict", "taggers/names", "words.conllu")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "ostinato: words.conllu: the tag column has tags other than "
        "those of the run ('O', 'B-LOC', "
        "'I-LOC', 'E-LOC', …); use --beside to write the predicted tags to another column\n"
    )
    out = place.text("predict", "taggers/names", "words.conllu", "--beside")
    assert re.sub(r"\|Tag=(O|[BI]-\w+)$", "", out, flags=re.MULTILINE) == trees
    done = place("evaluate", "taggers/words", "names.conll")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "ostinato: names.conll, line 3: no tag is in the training data, beginning with 'O'; its "
        "tags are 'NOUN', 'PROPN', 'PUNCT', 'VERB'\n"
    )


def test_plain_text_is_restored_only_by_what_learnt_it(place):
    notes = (place.folder / "notes.txt").read_text()
    for given in ("Ann Lee left\n", notes):
        for verb in ("predict", "evaluate"):
            done = place(verb, "taggers/words", "-", "--format", "text", given=given)
            assert (done.status, done.out) == (1, "")
            assert done.err == (
                "ostinato: standard input: plain text requires a run that restores case and "
                "punctuation; the tags of this run are 'NOUN', 'PROPN', 'PUNCT', 'VERB'; if "
                "the file is not plain text, give --format\n"
            )
    prose = "Mr Ann Lee has left for Rome.\nIt was not so long ago that he had.\n"
    done = place("evaluate", "taggers/names", "-", given=prose)
    assert done.err.startswith("ostinato: standard input: plain text requires a run")
    out = place.text("predict", "taggers/names", "-", given=prose)  # sentences to be tagged
    rows = [line.split(" ")[0] for line in out.splitlines()]
    assert rows == prose.replace(".\n", " .  ").split(" ")[:-1]
    assert place.text("predict", "taggers/names", "-", given="Bo left\n").count(" ") == 2


def test_a_text_is_not_taken_for_columns_because_of_its_lines(place):
    """A verse of as many words in each line is text to a run that was trained on text."""
    verse = "well i am\n\nis it fine\n\ni am here\n"
    out = place.text("predict", "taggers/case", "-", given=verse)
    assert re.sub(r"[.,?]", "", out).lower() == verse


def test_predict_restores_case_and_marks(place):
    out = place.text("predict", "taggers/case", "-", given="well i am fine (is nasa here)\n\n")
    assert out == "Well, I am fine. (Is NASA here?)\n\n"
    done = place("predict", "taggers/case", "--confidence", given="well\n")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("ostinato: plain text cannot store confidences")


def test_what_was_never_seen_is_told(place):
    done = place("predict", "taggers/names", "-", given="mr\nБо\nБоо\nMR\nБо\n")
    assert done.err == (
        "ostinato: 3 words and 9 characters are not in the vocabulary, and read as <unk>: "
        "'Бо' × 2, 'Боо' × 1; 'о' × 4, 'Б' × 3, 'M' × 1, 'R' × 1\n"
    )
    assert done.out.count("\n") == 5
    done = place("predict", "taggers/names", "-", given="mr\nleeO\n")
    assert done.err == (
        "ostinato: 1 word is not in the vocabulary, and read as <unk>: 'leeO' × 1\n"
    )
    assert place("predict", "taggers/names", "-", given="mr\n").err == ""


def test_bad_sentences_are_refused_or_left_as_they_are(place):
    raw = conll(4).encode().replace(b"Newville NN I-NP", b"Newville\xff NN", 1)
    bad = place.folder / "bad.conll"
    bad.write_bytes(raw)
    for words in (["predict", "taggers/names"], ["evaluate", "taggers/names"], ["fit", "tag"]):
        done = place(*words, "bad.conll", *(["--out", "taggers/bad"] if words[0] == "fit" else []))
        assert (done.status, done.out) == (1, "")
        assert done.err.startswith("ostinato: bad.conll, line 12: not UTF-8; name its enc")
    assert not (place.folder / "taggers/bad").exists()
    tagged = place.folder / "tagged.conll"
    tagged.touch()
    place.start("predict", "taggers/names", "bad.conll", "--skip-bad-rows", out=tagged)
    assert place.wait().err == "ostinato: bad.conll: 1 bad row skipped: line 12: not UTF-8\n"
    written = tagged.read_bytes().splitlines()
    assert written[9:12] == raw.splitlines()[9:12]
    assert len(written) == len(raw.splitlines())
    place.text("fit", "tag", "bad.conll", "--skip-bad-rows", "--out", "taggers/skip", *SHORT)
    manifest = json.loads((place.folder / "taggers/skip/manifest.json").read_text())
    assert manifest["data"]["skipped"] == {"rows": 1, "first": ["line 12: not UTF-8"]}


@pytest.mark.parametrize(
    ("words", "text", "says"),
    [
        ([], "a O\nb\n", r"standard input, line 2: 1 column, but the first word has 2"),
        ([], "a O\n\nb X-LOC\nc B-LOC\n", r"standard input, line 3: the tag 'X-LOC' is not in"),
        ([], "a O\nb Q-PER\n\nc B-LOC\n", r"standard input, line 2: the tag 'Q-PER' is not in"),
        ([], "# text\n\na O\n-DOCSTART- O\n\nc B-A\nd B\n", r"standard input, line 7: the tag 'B'"),
        (["--data.scheme", "iobx"], "a O\n", r"--data\.scheme.*iobx"),
        (["--data.tag", "5"], "a O\n", r"standard input, line 1: there is no column 5"),
        (["--data.validation", "none.conll"], "a O\n\nb O\n", r"none\.conll: no such file"),
        (
            ["--data.validation", "1.5"],
            "a O\n\nb O\n",
            r"--data\.validation.* 1\.5: .*give a fraction between 0 and 1",
        ),
        ([], "\n\n", r"standard input: no rows"),
        (
            ["--data.unlabelled", "?"],
            "a ?\nb ?\n\nc ?\n",
            (
                r"standard input, line 1: no word has a tag; all are '\?', "
                r"the value of data\.unlabelled"
            ),
        ),
        ([], "a O\n", r"a tagger needs at least two sentences"),
    ],
)
def test_what_cannot_be_learnt_is_one_line_and_no_run_stays(place, words, text, says):
    done = place("fit", "tag", "-", "--out", "taggers/wrong", *words, given=text)
    assert done.status in (1, 2)
    assert done.out == ""
    assert re.match(rf"ostinato: {says}.*\n$", done.err)
    assert done.err.count("\n") == 1
    assert not (place.folder / "taggers/wrong").exists()


def test_a_run_goes_on_and_is_repeated(place):
    words = ["fit", "tag", "names.conll", "--data.validation", "dev.conll", *SHORT]
    place.text(*words, "--out", "taggers/two")
    weights = (place.folder / "taggers/two/model.safetensors").read_bytes()
    place.text("fit", "tag", "names.conll", "--resume", "--out", "taggers/two")
    assert (place.folder / "taggers/two/model.safetensors").read_bytes() == weights
    place.text("fit", "--like", "taggers/two", "--out", "taggers/again")
    assert (place.folder / "taggers/again/model.safetensors").read_bytes() == weights
    done = place("fit", "tag", "dev.conll", "--resume", "--out", "taggers/two")
    assert done.status == 1
    assert "was trained on different data, with another sha256 in" in done.err
    dev = place.folder / "dev.conll"
    before = dev.read_text()
    dev.write_text(before.replace("I-PER", "O", 1))
    for words in (["--like", "taggers/two"], ["tag", "names.conll", "--resume"]):
        out = "taggers/two" if "--resume" in words else "taggers/changed"
        done = place("fit", *words, "--out", out)
        assert (done.status, done.out) == (1, "")
        assert re.fullmatch(
            r"ostinato: taggers/two: .*, with another validation_sha256 in .*\n", done.err
        )
    assert not (place.folder / "taggers/changed").exists()
    dev.write_text(before)


def test_cells_are_compared_and_reported(place):
    out = place.text(
        "compare", "tag", "names.conll", "--cells", "rnn,gru", "--seeds", "2", "--jobs", "1",
        "--equal", "parameters", "--out", "taggers/tagged", *CELLS,
    )  # fmt: skip
    assert re.search(r"^ most frequent tag +\d+\.\d\d%", out, re.M)
    assert "Report: taggers/tagged/report.html" in out
    page = (place.folder / "taggers/tagged/report.html").read_text()
    assert "<h2>Precision and recall</h2>" in page
    assert "<h2>Sentences</h2>" in page
    results = json.loads((place.folder / "taggers/tagged/comparison.json").read_text())
    (rnn, gru) = results["rows"]
    format_ = json.loads((place.folder / "taggers/tagged/rnn-0/format.json").read_text())
    trained = json.loads((place.folder / "taggers/names/format.json").read_text())
    assert format_ == trained  # so that its columns are known to whoever uses a trial
    assert rnn["parameters"] == pytest.approx(gru["parameters"], rel=0.1)
    for row in (rnn, gru):  # spelling is read by a recurrent layer, too
        held = load_file(place.folder / f"taggers/tagged/{row['cell']}-0/model.safetensors")
        assert row["parameters"] == sum(w.size for w in held.values())
        stacks = [w.size for name, w in held.items() if re.match(r"(\w+\.)?recurrent\.", name)]
        assert row["recurrent_parameters"] == sum(stacks)
        assert f"{sum(stacks):,} recurrent" in page
    again = place.text(
        "compare", "tag", "names.conll", "--cells", "rnn,gru", "--seeds", "2", "--jobs", "1",
        "--equal", "parameters", "--out", "taggers/tagged", *CELLS,
    )  # fmt: skip
    assert again.splitlines()[:6] == out.splitlines()[:6]
    out = place.text("report", "taggers/names", "--data", "dev.conll", "--out", "names.html")
    assert re.search(r"^ gru with linear tagger +\d+\.\d\d%", out, re.M)
