"""What is told of transducers, against the same thing done in the plainest way."""

import random
from dataclasses import replace

import jiwer
import numpy as np
import pytest
import torch

from ostinato import Transducer
from ostinato.data import Pairs
from ostinato.observe.architecture import architecture
from ostinato.observe.gradient_flow import held_out_flow
from ostinato.tasks.transduce.held_out import TransduceHeldOut
from ostinato.train import Run

NAMES = {"a": "AY", "b": "B EE", "c": "S EE"}


def spelled(word):
    return " ".join(NAMES[letter] for letter in word)


def words(count, seed):
    draw = random.Random(seed)
    return ["".join(draw.choices("abc", k=draw.randint(1, 9))) for _ in range(count)]


@pytest.fixture(scope="module", params=["general", "none"])
def transducer(request):
    fitted = Transducer(
        "gru",
        target={"tokenizer": "white_space"},
        data={"batch_tokens": 200},
        model={"hidden": 16, "embedding": 8, "dropout": 0.0, "attention": request.param},
        train={"epochs": 3, "lr": 0.02},
    )
    known = words(150, 0)
    return fitted.fit(known, [spelled(w) for w in known])


def test_errors_are_counted_text_by_text_and_by_length(transducer):
    sources = [*words(40, 1), "abc", "abc"]
    targets = [*map(spelled, sources[:40]), "AY", spelled("abc")]
    judged = TransduceHeldOut(Pairs(sources, targets)).judge(transducer)
    texts = list(dict.fromkeys(sources))
    references = {w: [t for s, t in zip(sources, targets, strict=True) if s == w] for w in texts}
    edits, symbols = {}, {}
    for text, output in zip(texts, transducer.predict(texts), strict=True):
        rates = []
        for reference in references[text]:
            length = len(reference.split())
            rates.append((round(jiwer.wer(reference, output) * length), length))
        edits[text], symbols[text] = min(rates, key=lambda pair: pair[0])
    total = sum(symbols.values())
    assert judged["error_rate"] == pytest.approx(sum(edits.values()) / total)
    assert np.mean(judged["scores"]) == pytest.approx(judged["error_rate"])
    assert judged["exact_match"] == pytest.approx(np.mean([e == 0 for e in edits.values()]))
    assert judged["lengths"]["unit"] == "characters"
    groups = judged["lengths"]["groups"]
    assert sum(group["texts"] for group in groups) == len(texts)
    for group in groups:
        own = [t for t in texts if group["low"] <= len(t) <= group["high"]]
        assert group["texts"] == len(own)
        rate = sum(edits[t] for t in own) / sum(symbols[t] for t in own)
        assert group["error_rate"] == pytest.approx(rate)
        assert group["exact_match"] == pytest.approx(np.mean([edits[t] == 0 for t in own]))


def test_shown_texts_have_the_weights_of_their_outputs(transducer):
    exam = TransduceHeldOut(Pairs(words(30, 2), [spelled(w) for w in words(30, 2)]))
    shown = exam.shown(transducer)["attentions"]
    assert 1 <= len(shown) <= 3
    for each in shown:
        ((found,),) = transducer.search(["".join(each["source"])])
        assert (found.tokens, found.text) == (each["tokens"], each["text"])
        assert each["reference"] == spelled("".join(each["source"]))
        if found.alignment is None:
            assert each["weights"] is None
        else:
            weights = np.reshape(each["weights"], found.alignment.shape)
            np.testing.assert_allclose(weights, found.alignment, atol=6e-4)


def test_gradients_are_told_for_every_step_of_the_longest_text(transducer):
    exam = TransduceHeldOut(Pairs(words(30, 2), [spelled(w) for w in words(30, 2)]))
    flow = held_out_flow(exam, transducer, transducer.network_)
    assert len(flow["h"]) == max(map(len, exam.pairs.sources))
    assert all(size > 0 for size in flow["h"])
    assert all(weight.grad is None for weight in transducer.network_.parameters())


def test_copying_is_the_baseline(transducer):
    exam = TransduceHeldOut(Pairs(["a b", "c"], ["a x", "c"]))
    baseline = exam.baseline(transducer.settings(), ())
    assert baseline["error_rate"] == pytest.approx(1 / 3)
    assert np.mean(baseline["scores"]) == pytest.approx(1 / 3)


def test_what_a_run_was_trained_on_is_not_asked(transducer, tmp_path):
    run = Run.create(tmp_path / "run")
    known = words(60, 5)
    rows = "".join(f"{w}\t{spelled(w)}\n" for w in known)
    (tmp_path / "all.tsv").write_text(f"source\ttarget\n{rows}")
    pairs = Pairs(known, [spelled(w) for w in known])
    again = Transducer(**transducer.get_params() | {"train": {"epochs": 1}})
    again.fit(pairs, run=run)
    exam = TransduceHeldOut.read(str(tmp_path / "all.tsv"), again, run)
    assert exam.fingerprint() == again.validation_.fingerprint()
    assert TransduceHeldOut.trained_on((pairs,)) == pairs.fingerprint()
    (tmp_path / "more.tsv").write_text(f"source\ttarget\n{rows}abc\tX\n")
    assert len(TransduceHeldOut.read(str(tmp_path / "more.tsv"), again, run)) == len(
        {*known, "abc"}
    )


@pytest.mark.parametrize("settings", [{}, {"tied": True}, {"bridge": "none"}], ids=str)
def test_the_parts_of_a_network_have_all_its_parameters(transducer, settings):
    changed = Transducer(**transducer.get_params())
    changed.model = {**changed.model, **settings, "layers": 2}
    network = replace(transducer.model_, settings=changed.settings()).new_network()
    parts = architecture(network)
    assert sum(part["parameters"] for part in parts) == sum(
        weight.numel() for weight in network.parameters()
    )
    kinds = [part["kind"] for part in parts]
    assert kinds.count("recurrent") == 4
    assert ("attention" in kinds) == (transducer.network_.decoder.attention is not None)
    assert ("bridge" in kinds) == (settings.get("bridge") != "none")
    assert torch.is_tensor(network.decoder.bias)
