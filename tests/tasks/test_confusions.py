"""What is printed of the classes that are taken for each other."""

import numpy as np
import pytest

from ostinato.tasks.base.summary import SummaryTable
from ostinato.tasks.classify.measures import measured as measures
from ostinato.tasks.classify.summary import CONFUSIONS, MANY, confusions


def judged(classes, pairs):
    """Measures of texts with (true, predicted) classes."""
    truth, given = (np.eye(classes, dtype=bool)[list(side)] for side in zip(*pairs, strict=True))
    return measures(truth, given, [f"c{k}" for k in range(classes)], False, 0.0, 0.0)


@pytest.mark.parametrize("classes", [MANY - 1, MANY, 60])
def test_many_classes_have_a_list_of_the_largest_confusions(classes):
    pairs = [(k, k) for k in range(classes)] * 4
    pairs += [(1, 0)] * 5 + [(0, 2)] * 3 + [(3, 4)]
    table = confusions(judged(classes, pairs), False)
    assert isinstance(table, SummaryTable)
    if classes < MANY:
        assert [len(row) for row in table.rows] == [1 + classes] * classes
        assert table.rows[1][:3] == ["c1", "5", "4"]
        return
    assert table.rows == [
        ["c1 taken for c0", "5", "55.6%"],
        ["c0 taken for c2", "3", "42.9%"],
        ["c3 taken for c4", "1", "20.0%"],
    ]


def test_the_list_is_no_longer_than_a_screen():
    pairs = [(k, (k + 1) % 30) for k in range(30)]
    assert len(confusions(judged(30, pairs), False).rows) == CONFUSIONS
