"""The page of `ostinato compare classify … --frameworks`."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ostinato.errors import counted
from ostinato.report.figures import SPARE, Look
from ostinato.report.frameworks import COINCIDE, FEW, ROUNDINGS
from ostinato.report.frameworks_figures import differences, losses
from ostinato.report.frameworks_sentences import done, says, tiny
from ostinato.report.page import bar, document, key, line, origin, plot, two
from ostinato.report.records import Record, Results
from ostinato.report.sentences import cell_name, listed

LOOKS = {"torch": Look("#d55e00", "circle"), "keras": Look("#1a80c4", "square")}


def frameworks_page(results: Results, command: str) -> str:
    """A page on one classifier in several frameworks.

    Args:
        results: `title`, `created`, `seconds`, `machine`, `threads`, `training` and `held` (how
            many texts), `settings`, and `cells`: see `side_by_side`, each with its `name`.
        command: what made it.

    Returns:
        HTML, see `document`.
    """
    sections = {
        "Curves": _curves(results),
        "Agreement": _agreement(results),
        "Speed": _speed(results),
        "Conditions": _conditions(results),
    }
    lead = " ".join([done(results), *says(results)])
    return document(results["title"], lead, sections, origin(results, command))


def _looks(results: Results) -> dict[str, Look]:
    spare = iter(SPARE)
    return {name: LOOKS.get(name) or next(spare) for name in results["titles"]}


def _curves(results: Results) -> str:
    """The loss of every step in every framework, and how far apart they are."""
    look = _looks(results)
    rows = []
    for each in results["cells"]:
        name = cell_name(each["name"])
        plots = plot(losses(results, each, look), f"{name}: loss of the batch at each step, nats")
        if each["differences"]:
            first = next(iter(results["titles"].values()))
            plots += plot(
                differences(results, each, look),
                Markup("{}: difference from {}, nats <small>log axis</small>").format(name, first),
            )
        rows.append(Markup('<div class="pair">{}</div>').format(plots))
    titles = results["titles"]
    keys = Markup().join(
        Markup("<li>{}{}</li>").format(key(own), titles[name]) for name, own in look.items()
    )
    if any(each["shaken"] for each in results["cells"]):
        keys += Markup("<li>{}rounding at each step</li>").format(line("dot"))
    differs = any(each["differences"] for each in results["cells"])
    note = (
        Markup(
            "<p>Left: the curves, the first of them drawn broad. Right: "
            "their difference, on a separate scale. The dotted line shows "
            "the effect of rounding: one framework compared with itself, "
            "with every weight moved to the next float32 number before every "
            "step. Where it rises, training amplifies rounding errors.</p>"
        )
        if differs
        else ""
    )
    title = "Do the loss curves coincide?" if differs else "Learning curve"
    return Markup("""<h2>{}</h2>
{}
<ul class="legend">{}</ul>
{}""").format(title, note, keys, Markup("\n").join(rows))


def _agreement(results: Results) -> str:
    """How far apart losses, weights and answers are."""
    if not any(each["differences"] for each in results["cells"]):
        return ""
    look, body = _looks(results), []
    for each in results["cells"]:
        first = each["trials"][0]
        for found in each["differences"]:
            theirs = next(t for t in each["trials"] if t["framework"] == found["framework"])
            pairs = key(look[first["framework"]]) + key(look[found["framework"]])
            names = [results["titles"][trial["framework"]] for trial in (first, theirs)]
            right = [f"{trial['accuracy']:.2%}" for trial in (first, theirs)]
            accuracy = two(*(f"{a} {b}" for a, b in zip(right, names, strict=True)))
            body.append(_apart(pairs + cell_name(each["name"]), found, accuracy))
        if each["shaken"]:
            name = Markup("<small>{} by rounding at each step</small>").format(line("dot"))
            body.append(_apart(name, each["shaken"], "–"))
    heads = ["cell", "loss, largest", "weights", "same label", "probability, largest", "accuracy"]
    return Markup("""<h2>How large are the differences?</h2>
<div class="wide" role="region" aria-label="Agreement" tabindex="0"><table>
<thead><tr>{}</tr></thead>
<tbody>
{}
</tbody>
</table></div>
<p class="note">Losses in nats, of the batch of each step, before the step. Weights: their distance
after training, divided by the distance from the initial weights. Label, probability and accuracy
are those of {:,} held-out texts. Curves coincide if their difference is never larger than {} nats,
or {} times the effect of rounding.</p>
{}""").format(
        Markup().join(Markup('<th scope="col">{}</th>').format(head) for head in heads),
        Markup("\n").join(body),
        results["held"],
        tiny(COINCIDE),
        ROUNDINGS,
        _disputed(results),
    )


def _disputed(results: Results) -> str:
    """The texts whose label differs."""
    titles, rows = results["titles"], []
    for each in results["cells"]:
        for own in each["differences"]:
            names = [next(iter(titles.values())), titles[own["framework"]]]
            for text in own["texts"]:
                said = Markup().join(
                    Markup("<td>{}: {} <small>{:.2%}</small></td>").format(name, label, sure)
                    for name, label, sure in zip(names, text["labels"], text["sure"], strict=True)
                )
                where = Markup("{} <small>text {:,}</small>").format(
                    cell_name(each["name"]), text["text"] + 1
                )
                rows.append(Markup('<tr><th scope="row">{}</th>{}</tr>').format(where, said))
    if not rows:
        return ""
    return Markup("""<h3>Where they differ</h3>
<p>The first {} texts of each cell with different labels, and the confidence of each model.</p>
<div class="wide" role="region" aria-label="Where they differ" tabindex="0"><table>
<tbody>
{}
</tbody></table></div>""").format(FEW, Markup("\n").join(rows))


def _apart(name: str, found: Record, accuracy: str) -> str:
    cells = [
        two(tiny(found["largest"]), f"at step {found['at']}"),
        two(tiny(found["weights"]), f"one at most {tiny(found['weight'])}"),
        f"{found['alike']:,} of {found['asked']:,}",
        tiny(found["probability"]),
        accuracy,
    ]
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(
        name, Markup().join(Markup("<td>{}</td>").format(c) for c in cells)
    )


def _speed(results: Results) -> str:
    """How fast each trains and answers."""
    look = _looks(results)
    most = max(t["tokens_per_second"] for each in results["cells"] for t in each["trials"])
    body = []
    for each in results["cells"]:
        for trial in each["trials"]:
            own, speed = look[trial["framework"]], trial["tokens_per_second"]
            cells = [
                two(
                    f"{trial['epoch_seconds'][-1]:.1f} s",
                    f"{trial['epoch_seconds'][0]:.1f} s the first",
                ),
                two(
                    f"{trial['ready'] + trial['first_step']:.2f} s",
                    f"{trial['ready']:.2f} s building",
                ),
                f"{trial['asking']:.1f} s",
            ]
            body.append(
                Markup(
                    '<tr><th scope="row">{}{} '
                    "<small>{}</small></th>"
                    '<td class="accuracy">{}<b>{:,.0f}</b></td>'
                    "{}</tr>"
                ).format(
                    key(own),
                    cell_name(each["name"]),
                    results["titles"][trial["framework"]],
                    bar(speed / most, own.color),
                    speed,
                    Markup().join(Markup("<td>{}</td>").format(c) for c in cells),
                )
            )
    count = results["threads"]
    threads = "one thread" if count == 1 else f"{count} threads"
    heads = ["last epoch", "first step", f"{results['held']:,} answers"]
    return Markup("""<h2>Speed</h2>
<div class="wide" role="region" aria-label="Speed" tabindex="0"><table class="spreads">
<thead><tr><th scope="col">cell</th><th scope="col" class="accuracy">real tokens/s in training</th>
{}</tr></thead>
<tbody>
{}
</tbody>
</table></div>
<p class="note">On {} each, one after the other, whole steps: padding, forward, backward, clipping,
Adam. Tokens/s are those of the last epoch. The first step is listed separately: from building the
network to the first update, including all compilation. Ostinato’s native code is compiled again
for it, although it would otherwise be loaded from the cache. The time to start the frameworks is
not included.</p>""").format(
        Markup().join(Markup('<th scope="col">{}</th>').format(head) for head in heads),
        Markup("\n").join(body),
        threads,
    )


def _conditions(results: Results) -> str:
    """What is the same on all sides, and what is not."""
    settings, cells = results["settings"], results["cells"]
    model, train = settings["model"], settings["train"]
    steps = sum(cells[0]["epoch_steps"])
    ways = "in both directions" if model["bidirectional"] else "in one direction"
    layers = "a layer" if model["layers"] == 1 else f"{model['layers']} layers"
    same = [
        f"The initial weights, made by Ostinato from seed {settings['seed']}, "
        "and the equations: each cell is written once, and both layers are "
        "derived from it.",
        f"Embeddings of {model['embedding']}, {layers} of {model['hidden']} units {ways}, pooling "
        f"{model['pooling'].replace('_', ' ')}, a linear map to the labels: "
        + listed(f"{each['parameters']:,} weights ({cell_name(each['name'])})" for each in cells)
        + ".",
        f"{steps:,} batch{'es' if steps != 1 else ''}, in one order: "
        f"{counted(train['epochs'], 'epoch')} over "
        f"{results['training']:,} texts, at most "
        f"{settings['data']['max_tokens']} tokens of each, with masked "
        "padding.",
        f"AdamW with β 0.9 and 0.999, weight decay {train['weight_decay']:g}, "
        f"gradients of a norm of {train['clip']:g} at most, the learning rate "
        f"of each step (up to {train['lr']:g}), float32. No dropout: the "
        "random numbers of the frameworks are different.",
    ]
    apart = [
        "What computes: " + "; ".join(trial["software"] for trial in cells[0]["trials"]) + ".",
    ]
    if {"torch", "keras"} <= {trial["framework"] for trial in cells[0]["trials"]}:
        apart += [
            "Each framework uses its own optimiser. Keras adds Adam’s ε "
                "before v is corrected for its beginning, PyTorch after; "
                "PyTorch’s ε is set at each step so that both mean the same. "
                "PyTorch clips by the norm + 10⁻⁶; Keras on TensorFlow by a "
                "smaller norm, in which the gradients of one word count "
                "separately, so the curves differ where gradients are clipped.",
            "A PyTorch layer has two biases of which only the sum matters, "
                "Keras has one. Here the second one is zero and fixed; otherwise "
                "Adam would move the sum twice as far.",
            Markup(
                "Ostinato does not compute padding; Keras computes it and "
                    "discards it. Keras is used with its defaults, by "
                    "<code>train_on_batch</code>, without XLA, which would "
                    "compile again for each length of a batch."
            ),
            "Sums are computed in different orders, so the last bits differ. "
                "If two steps have nearly the same maximum over time, either may "
                "be chosen and receives the gradient; then the curves differ by "
                "more than rounding.",
        ]  # fmt: skip
    if len(results["titles"]) == 1:
        return Markup("<h2>How it was trained</h2>\n<ul>{}</ul>").format(_items([*same, *apart]))
    return Markup("""<h2>What is compared</h2>
<div class="pair"><div><h3>Same for all</h3><ul>{}</ul></div>
<div><h3>Different</h3><ul>{}</ul></div></div>""").format(_items(same), _items(apart))


def _items(texts: Sequence[str]) -> str:
    return Markup().join(Markup("<li>{}</li>").format(text) for text in texts)
