"""The page of `ostinato compare classify … --frameworks`, and what it says in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from ostinato.report.figures import GREY, SPARE, Look, empty_figure
from ostinato.report.frameworks import COINCIDE, FEW, ROUNDINGS, coincide
from ostinato.report.page import Results, bar, document, key, line, origin, plot
from ostinato.report.sentences import cell_name, listed

LOOKS = {"torch": Look("#d55e00", "circle"), "keras": Look("#1a80c4", "square")}
FLOOR = 1e-8
"""Where no difference at all is drawn: below the smallest that float32 has near a loss."""


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
    lead = " ".join([_done(results), *says(results)])
    return document(results["title"], lead, sections, origin(results, command))


def says(results: Results) -> list[str]:
    """What was found, in sentences of plain text."""
    text = []
    first, *others = results["titles"]
    for name in others:
        both = listed(results["titles"][k] for k in (first, name))
        one: dict[str, str] = {}
        two: dict[str, str] = {}
        same: dict[str, str] = {}
        times: dict[str, float] = {}
        for each in results["cells"]:
            cell = each["name"].upper()
            own = next(d for d in each["differences"] if d["framework"] == name)
            (one if coincide(own, each["shaken"]) else two)[cell] = tiny(own["largest"])
            same[cell] = f"{own['alike']:,}"
            times[cell] = _times(each, first, name)
        if one:
            text.append(
                f"The loss curves of {both} coincide: at no step are they further apart than "
                f"{_each(one)} nats."
            )
        if two:
            text.append(f"The loss curves of {both} part: they are up to {_each(two)} nats apart.")
        text.append(f"Of {results['held']:,} texts held out {_each(same)} get the same label.")
        behind = all(ratio < 1 for ratio in times.values())
        shown = {cell: f"{1 / r if behind else r:.3g}" for cell, r in times.items()}
        ahead = results["titles"][name if behind else first]
        text.append(f"{ahead} trains {_each(shown)} times as fast.")
    moved = {
        each["name"].upper(): tiny(each["shaken"]["largest"])
        for each in results["cells"]
        if each["shaken"]
    }
    if moved:
        text.insert(1, f"In one framework a rounding of each weight and step does {_each(moved)}.")
    return text


def _each(values: Mapping[str, str]) -> str:
    """The value of each cell; of a single one alone.

    >>> _each({"LSTM": "12", "GRU": "13"}), _each({"GRU": "13"})
    ('12 (LSTM) and 13 (GRU)', '13')
    """
    if len(values) == 1:
        return next(iter(values.values()))
    return listed(f"{value} ({cell})" for cell, value in values.items())


def _times(each: Mapping[str, Any], first: str, other: str) -> float:
    """How many times as fast the first trains as the other."""
    speeds = {trial["framework"]: trial["tokens_per_second"] for trial in each["trials"]}
    return float(speeds[first] / speeds[other])


def _done(results: Results) -> str:
    names = list(results["titles"].values())
    count = f"{results['training']:,} texts"
    if len(names) == 1:
        return f"Trained in {names[0]} on {count}."
    return (
        f"Trained in {listed(names)} from the same first weights, on the same batches of {count} "
        "in the same order."
    )


def tiny(number: float) -> str:
    """A small number of two digits, as people write it.

    >>> tiny(2.384e-7), tiny(0.0312), tiny(0.0)
    ('2.4·10⁻⁷', '0.031', '0')
    """
    if number == 0:
        return "0"
    if number >= 1e-3:
        return f"{number:.2g}"
    digits, _, power = f"{number:.1e}".partition("e")
    return f"{digits}·10{_raised(int(power))}"


def _raised(power: int) -> str:
    """A power as it stands above the line."""
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _looks(results: Results) -> dict[str, Look]:
    spare = iter(SPARE)
    return {name: LOOKS.get(name) or next(spare) for name in results["titles"]}


def _curves(results: Results) -> str:
    """The loss of every step in every framework, and how far apart they are."""
    look = _looks(results)
    rows = []
    for each in results["cells"]:
        name = cell_name(each["name"])
        plots = plot(_losses(results, each, look), f"{name}: loss of each step’s batch, nats")
        if each["differences"]:
            first = next(iter(results["titles"].values()))
            plots += plot(
                _differences(results, each, look),
                Markup("{}: distance from {}, nats <small>log axis</small>").format(name, first),
            )
        rows.append(Markup('<div class="pair">{}</div>').format(plots))
    titles = results["titles"]
    keys = Markup().join(
        Markup("<li>{}{}</li>").format(key(own), titles[name]) for name, own in look.items()
    )
    if any(each["shaken"] for each in results["cells"]):
        keys += Markup("<li>{}a rounding a step</li>").format(line("dot"))
    differs = any(each["differences"] for each in results["cells"])
    note = (
        Markup(
            "<p>Left the curves lie on each other, the first of them broad. Right is what is "
            "between them, on a scale of its own. The dotted line is what rounding does: one "
            "framework beside itself, every weight moved to the next number of 32 bits before "
            "every step. Where it rises, training itself makes roundings larger.</p>"
        )
        if differs
        else ""
    )
    title = "Do the curves coincide?" if differs else "How it learned"
    return Markup("""<h2>{}</h2>
{}
<ul class="legend">{}</ul>
{}""").format(title, note, keys, Markup("\n").join(rows))


def _losses(results: Results, each: Mapping[str, Any], look: Mapping[str, Look]) -> go.Figure:
    figure, several = _steps(each), len(each["trials"]) > 1
    for k, trial in enumerate(each["trials"]):
        broad = several and k == 0
        figure.add_scatter(
            x=list(range(1, len(trial["losses"]) + 1)),
            y=trial["losses"],
            name=results["titles"][trial["framework"]],
            mode="lines",
            opacity=0.45 if broad else 1,
            line={"color": look[trial["framework"]].color, "width": 6 if broad else 1.25},
        )
    return figure.update_yaxes(hoverformat=".7f")


def _differences(results: Results, each: Mapping[str, Any], look: Mapping[str, Look]) -> go.Figure:
    figure = _steps(each)
    lines = [(found["framework"], found["steps"]) for found in each["differences"]]
    if each["shaken"]:
        lines.insert(0, ("", each["shaken"]["steps"]))
    top = max(max(steps) for _, steps in lines)
    high = math.ceil(math.log10(max(top, 2 * FLOOR)))
    powers = [10.0**k for k in range(round(math.log10(FLOOR)) + 1, high + 1)]
    figure.update_yaxes(
        type="log",
        range=[math.log10(FLOOR) - 0.15, high + 0.1],
        tickvals=[FLOOR, *powers],
        ticktext=["0", *(f"10{_raised(round(math.log10(p)))}" for p in powers)],
    )
    for name, steps in lines:
        own = look.get(name)
        figure.add_scatter(
            x=list(range(1, len(steps) + 1)),
            y=[max(step, FLOOR) for step in steps],
            name=results["titles"][name] if own else "a rounding a step",
            mode="lines+markers" if own else "lines",
            line={
                "color": own.color if own else GREY,
                "width": 0.75 if own else 1.25,
                "dash": "solid" if own else "dot",
            },
            marker={"size": 4, "symbol": own.symbol} if own else None,
            text=[tiny(step) for step in steps],
            hovertemplate="%{text}",
        )
    return figure


def _steps(each: Mapping[str, Any]) -> go.Figure:
    """An empty figure over steps, a thin line where an epoch ends."""
    count = sum(each["epoch_steps"])
    figure = empty_figure("step").update_xaxes(range=[1 - 0.02 * count, 1.02 * count])
    for end in list(accumulate(each["epoch_steps"]))[:-1]:
        figure.add_vline(x=end + 0.5, line={"color": GREY, "width": 1, "dash": "dot"}, opacity=0.5)
    return figure


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
            accuracy = _two(*(f"{a} {b}" for a, b in zip(right, names, strict=True)))
            body.append(_apart(pairs + cell_name(each["name"]), found, accuracy))
        if each["shaken"]:
            name = Markup("<small>{} a rounding a step</small>").format(line("dot"))
            body.append(_apart(name, each["shaken"], "–"))
    heads = ["cell", "loss, largest", "weights", "same label", "probability, largest", "accuracy"]
    return Markup("""<h2>How far apart are they?</h2>
<div class="wide" role="region" aria-label="Agreement" tabindex="0"><table>
<thead><tr>{}</tr></thead>
<tbody>
{}
</tbody>
</table></div>
<p class="note">Losses in nats, each of the batch of a step before it. Weights: their distance
after training over the way that training has moved them. Label, probability and accuracy are
those of {:,} texts held out. Curves are said to coincide that are never further
apart than {} nats, or {} times what rounding does.</p>
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
<p>The first {} texts of each cell whose label is not the same, and how sure each model is.</p>
<div class="wide" role="region" aria-label="Where they differ" tabindex="0"><table>
<tbody>
{}
</tbody></table></div>""").format(FEW, Markup("\n").join(rows))


def _apart(name: str, found: Mapping[str, Any], accuracy: str) -> str:
    cells = [
        _two(tiny(found["largest"]), f"at step {found['at']}"),
        _two(tiny(found["weights"]), f"one at most {tiny(found['weight'])}"),
        f"{found['alike']:,} of {found['asked']:,}",
        tiny(found["probability"]),
        accuracy,
    ]
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(
        name, Markup().join(Markup("<td>{}</td>").format(c) for c in cells)
    )


def _two(text: str, below: str) -> str:
    """A number, and a smaller one below it."""
    return Markup('{}<small class="below">{}</small>').format(text, below)


def _speed(results: Results) -> str:
    """How fast each trains and answers."""
    look = _looks(results)
    most = max(t["tokens_per_second"] for each in results["cells"] for t in each["trials"])
    body = []
    for each in results["cells"]:
        for trial in each["trials"]:
            own, speed = look[trial["framework"]], trial["tokens_per_second"]
            cells = [
                _two(
                    f"{trial['epoch_seconds'][-1]:.1f} s",
                    f"{trial['epoch_seconds'][0]:.1f} s the first",
                ),
                _two(
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
    return Markup("""<h2>How fast are they?</h2>
<div class="wide" role="region" aria-label="Speed" tabindex="0"><table class="spreads">
<thead><tr><th scope="col">cell</th><th scope="col" class="accuracy">real tokens/s in training</th>
{}</tr></thead>
<tbody>
{}
</tbody>
</table></div>
<p class="note">On {} each, one after the other, whole steps: padding, forward, backward,
clipping, Adam. Tokens/s are those of the last epoch. The first step stands by itself, from
building the network until the first weights are changed, with all that is compiled on the way;
Ostinato’s native code is compiled anew for it, though it would otherwise be kept on disk.
Starting the frameworks themselves is in no number.</p>""").format(
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
        f"First weights, made by Ostinato from seed {settings['seed']}, and the equations: each "
        "cell is written once, and both layers are made of that text.",
        f"Embeddings of {model['embedding']}, {layers} of {model['hidden']} units {ways}, pooling "
        f"{model['pooling'].replace('_', ' ')}, a linear map to the labels: "
        + listed(f"{each['parameters']:,} weights ({cell_name(each['name'])})" for each in cells)
        + ".",
        f"{steps} batches, in one order: {train['epochs']} epochs over {results['training']:,} "
        f"texts, at most {settings['data']['max_tokens']} tokens of each, lengths honoured.",
        f"AdamW with β 0.9 and 0.999, weight decay {train['weight_decay']:g}, gradients of a norm "
        f"of {train['clip']:g} at most, the learning rate of each step (up to {train['lr']:g}), "
        "float32. No dropout: the frameworks would not draw the same.",
    ]
    apart = [
        "What computes: " + "; ".join(trial["software"] for trial in cells[0]["trials"]) + ".",
    ]
    if {"torch", "keras"} <= {trial["framework"] for trial in cells[0]["trials"]}:
        apart += [
            "The optimisers are each framework’s own. Keras adds Adam’s ε before v is corrected "
            "for its beginning, PyTorch after; PyTorch’s ε is set at each step so that both mean "
            "the same. PyTorch clips by the norm + 10⁻⁶; Keras on TensorFlow by a smaller norm, in "
            "which gradients of one word count apart, so that curves part where clipping acts.",
            "Where a layer of PyTorch has two biases that only count by their sum, Keras has one: "
            "the second is zero here and does not learn, or Adam would move the sum twice as far.",
            Markup(
                "Ours leaves padding out; Keras computes it and throws it away. Keras is used as "
                "it comes, by <code>train_on_batch</code>, without XLA, which would compile anew "
                "for each length of a batch."
            ),
            "Sums are taken in other orders, so the last bits differ. A maximum over time that two "
            "steps nearly share may be taken at one or the other, and its gradient goes there: "
            "then curves are apart by more than a rounding.",
        ]  # fmt: skip
    return Markup("""<h2>What is compared</h2>
<div class="pair"><div><h3>The same for all</h3><ul>{}</ul></div>
<div><h3>Not the same</h3><ul>{}</ul></div></div>""").format(_items(same), _items(apart))


def _items(texts: Sequence[str]) -> str:
    return Markup().join(Markup("<li>{}</li>").format(text) for text in texts)
