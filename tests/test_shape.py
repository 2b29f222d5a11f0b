"""The shape of the source: files and functions that can be read at a sitting, and typed records."""

import ast
import re
from collections import Counter
from pathlib import Path

import ostinato

FILES = sorted(Path(ostinato.__file__).parent.rglob("*.py"))
LINES, FUNCTION_LINES, ANY = 400, 60, 581
SAME_NAME = ["Recurrent"]
"""A layer of PyTorch, and one of Keras: who uses the one does not use the other."""


def test_no_file_and_no_function_is_long():
    long = [str(file) for file in FILES if file.read_text("utf-8").count("\n") > LINES]
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long.append(f"{file}:{node.lineno} {node.name}: {lines} lines")
    assert long == []


def test_no_two_classes_have_one_name():
    names = Counter(
        node.name
        for file in FILES
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == SAME_NAME


def test_most_values_have_a_type():
    assert sum(len(re.findall(r"\bAny\b", file.read_text("utf-8"))) for file in FILES) <= ANY
