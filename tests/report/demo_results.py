"""Made-up results of a demo, with the shape of `demo.json`."""

from typing import Any


def decay(start: float, rate: float, count: int = 150) -> list[float]:
    """start · rate^k for k = 0 … count-1."""
    return [start * rate**k for k in range(count)]


def classifier(cell: str, accuracy: float, seconds: float) -> dict[str, Any]:
    history = [
        {"epoch": 1, "loss": 0.59, "validation_loss": 0.52, "accuracy": 0.7512, "seconds": 16.0},
        {"epoch": 2, "loss": 0.41, "validation_loss": 0.44, "accuracy": 0.8034, "seconds": 16.1},
        {"epoch": 3, "loss": 0.30, "validation_loss": 0.47, "accuracy": 0.8121, "seconds": 16.1},
    ]
    return {
        "cell": cell,
        "test_accuracy": accuracy,
        "validation_accuracy": accuracy + 0.0101,
        "parameters": 1_280_130 + len(cell),
        "recurrent_parameters": 8_320 * len(cell),
        "seconds": seconds,
        "level": "aten",
        "history": history,
    }


def results() -> dict[str, Any]:
    flow = {
        "rnn": {"start": {"h": decay(0.4, 0.5)}, "trained": {"h": decay(0.5, 0.8)}},
        "lstm": {
            "start": {"h": decay(0.3, 0.4), "c": decay(0.2, 0.5)},
            "trained": {"h": decay(0.5, 0.99), "c": decay(0.2, 0.995)},
        },
        "gru": {
            "start": {"h": decay(0.3, 0.5, 20) + [0.0] * 130},
            "trained": {"h": decay(0.5, 0.98)},
        },
    }
    play = "KING LEAR:\n  Blow, <b>winds</b> & crack\n\nFOOL:\n\tO nuncle \"quoth\" 'he' </pre>"
    return {
        "title": "Three <recurrent> networks & reviews",
        "created": "2026-11-21T04:56:26Z",
        "seconds": 221.4,
        "machine": "Linux x86_64, 2 threads",
        "data": {"source": "imdb", "training": 17931, "validation": 1992, "test": 4981},
        "classifiers": [
            classifier("rnn", 0.7812, 48.2),
            classifier("lstm", 0.8613, 92.7),
            classifier("gru", 0.8699, 84.1),
        ],
        "baseline": {"test_accuracy": 0.8834, "parameters": 481_202, "seconds": 21.0},
        "flow": flow,
        "generator": {
            "source": "shakespeare",
            "cell": "lstm",
            "characters": 1_500_000,
            "parameters": 217_676,
            "seconds": 164.0,
            "nats": 1.612,
            "bits": 2.326,
            "perplexity": 5.01,
            "history": [
                {"epoch": 1, "loss": 2.0, "nats": 1.8, "bits": 2.6},
                {"epoch": 2, "loss": 1.7, "nats": 1.612, "bits": 2.326},
            ],
            "prompt": "KING",
            "samples": [
                {"temperature": 0.5, "text": play},
                {"temperature": 0.8, "text": "\n" + play},
                {"temperature": 1.1, "text": play + "</script>\n"},
            ],
            "next": [
                {"symbol": " ", "probability": 0.41},
                {"symbol": "\n", "probability": 0.22},
                {"symbol": "<", "probability": 0.031},
                {"symbol": "&", "probability": 0.00002},
            ],
        },
        "equations": {
            "rnn": 'def step(x, h, p):\n    """One <step>."""\n    return tanh(x @ p.W)  # & all',
            "lstm": "def step(x, h, c, p):\n    return h, c",
            "gru": "def step(x, h, p):\n    return h if x < h else x",
        },
        "next_steps": [{"command": 'echo "dull" | ostinato predict a&b -', "why": "ask <it>"}],
    }
