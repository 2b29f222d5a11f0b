"""Results of one plan in several frameworks → how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ostinato.experiment.frameworks import TrainingPlan, TrainingResult
from ostinato.report.records import Record

COINCIDE = 1e-3
"""Nats: two curves that are never further apart are said to coincide."""
ROUNDINGS = 10
"""So are curves that are no further apart than so many times what rounding does."""
FEW = 8
"""The most texts with different answers that are listed."""


def side_by_side(
    plan: TrainingPlan,
    results: Mapping[str, TrainingResult],
    shaken: tuple[str, TrainingResult] | None = None,
) -> Record:
    """One cell in all frameworks, as plain data; the first framework is what others are held to.

    Args:
        plan: what was learned.
        results: by framework.
        shaken: a framework, and what came of it once more, every weight moved by one rounding at
            every step: what rounding alone can do.
    """
    first, *others = results
    model = plan.settings.model
    return {
        "cell": plan.settings.cell,
        "hidden": model.hidden,
        "parameters": sum(w.size for w in plan.weights.values()),
        "epoch_steps": [len(epoch) for epoch in plan.epochs],
        "trials": [
            {"framework": name, **speed(plan, found), **_answers(plan, found)}
            for name, found in results.items()
        ],
        "differences": [
            {"framework": name, **difference(plan, results[first], results[name])}
            for name in others
        ],
        "shaken": difference(plan, results[shaken[0]], shaken[1]) if shaken else None,
    }


def speed(plan: TrainingPlan, found: TrainingResult) -> Record:
    """Losses, and how long a framework took.

    Steps that compile are slow: the first one stands alone, and tokens/s are those of the last
    epoch, or where there is only one, of all steps but the first.
    """
    ends = np.cumsum([len(epoch) for epoch in plan.epochs])
    epochs = [float(part.sum()) for part in np.split(np.array(found.seconds), ends[:-1])]
    last = slice(int(ends[-2]) if len(ends) > 1 else 1, None)
    losses = [float(part.mean()) for part in np.split(np.array(found.losses), ends[:-1])]
    return {
        "software": found.software,
        "losses": found.losses,
        "epoch_losses": losses,
        "seconds": found.seconds,
        "tokens": found.tokens,
        "ready": found.ready,
        "first_step": found.seconds[0],
        "epoch_seconds": epochs,
        "tokens_per_second": sum(found.tokens[last]) / max(sum(found.seconds[last]), 1e-9),
        "asking": found.asking,
    }


def _answers(plan: TrainingPlan, found: TrainingResult) -> Record:
    right = found.logits.argmax(-1) == plan.held[1]
    return {"accuracy": float(right.mean())}


def difference(plan: TrainingPlan, ours: TrainingResult, theirs: TrainingResult) -> Record:
    """How far two results are apart.

    Returns:
        `steps` (|Δ loss| of each step, in nats), `largest` of them, and the step `at` which it is,
        from 1; `weights`, the distance of the weights after training over the way that training
        has moved them, ‖a - b‖ / ‖a - a₀‖, and `weight`, the largest difference of one;
        `asked` texts, of which `alike` have the same label from both; `probability`, the largest
        difference of one; `texts` with different labels.
    """
    steps = np.abs(np.array(ours.losses) - np.array(theirs.losses))
    start, here, there = (
        np.concatenate([w[name].ravel().astype(np.float64) for name in plan.weights])
        for w in (plan.weights, ours.weights, theirs.weights)
    )
    p, q = (_softmax(found.logits) for found in (ours, theirs))
    apart = np.flatnonzero(p.argmax(-1) != q.argmax(-1))
    return {
        "steps": steps.tolist(),
        "largest": float(steps.max()),
        "at": int(steps.argmax()) + 1,
        "weights": float(np.linalg.norm(here - there) / np.linalg.norm(here - start)),
        "weight": float(np.abs(here - there).max()),
        "asked": len(p),
        "alike": len(p) - len(apart),
        "probability": float(np.abs(p - q).max()),
        "texts": [
            {
                "text": int(k),
                "labels": [plan.classes[each[k].argmax()] for each in (p, q)],
                "sure": [float(each[k].max()) for each in (p, q)],
            }
            for k in apart[:FEW]
        ],
    }


def coincide(found: Record, shaken: Record | None) -> bool:
    """Whether two loss curves are one, given what rounding does, if that is known."""
    rounding = ROUNDINGS * shaken["largest"] if shaken else 0.0
    return bool(found["largest"] <= max(COINCIDE, rounding))


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(-1, keepdims=True)
    return found
