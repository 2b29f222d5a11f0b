"""The words of each task."""

from ostinato.observe import exams
from ostinato.report.terms import TERMS, of_metric
from ostinato.report.verdicts import measure


def test_every_task_that_has_an_exam_has_words():
    assert {task: exams.of_task(task).metric for task in exams.tasks()} == {
        task: terms.metric for task, terms in TERMS.items()
    }
    assert of_metric("nats") is TERMS["generate"]
    assert [measure(metric, 0.12345) for metric in ("error_rate", "nats", "mse")] == [
        "12.35%", "0.123", "0.1235",
    ]  # fmt: skip
