"""The words of each task."""

from ostinato import tasks
from ostinato.report.verdicts import measure


def test_a_task_is_found_by_its_metric():
    for task in map(tasks.find, tasks.names()):
        assert tasks.of_metric(task.held_out.metric) is task
    assert [measure(metric, 0.12345) for metric in ("error_rate", "nats", "mse")] == [
        "12.35%", "0.123", "0.1235",
    ]  # fmt: skip
