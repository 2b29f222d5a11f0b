"""Texts with a class or a number."""

import csv

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

WORDS = {"ngram_range": (1, 2), "sublinear_tf": True, "token_pattern": r"\S+"}
CHARACTERS = {"analyzer": "char_wb", "ngram_range": (1, 4), "sublinear_tf": True}


def read(path):
    """The texts of a table, and what stands in its last column."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], [row[-1] for row in rows]


def _accuracy(train, test, features):
    model = make_pipeline(TfidfVectorizer(**features), LogisticRegression(C=10, max_iter=2000))
    return float(model.fit(*read(train)).score(*read(test)))


def words(train, test, measure):
    """tf-idf of words and pairs, logistic regression."""
    return _accuracy(train, test, WORDS)


def characters(train, test, measure):
    """tf-idf of up to four characters, logistic regression."""
    return _accuracy(train, test, CHARACTERS)


def ridge(train, test, measure):
    """tf-idf of up to four characters, ridge regression."""
    texts, values = read(train)
    model = make_pipeline(TfidfVectorizer(**CHARACTERS), Ridge())
    model.fit(texts, np.array(values, float))
    texts, values = read(test)
    return float(np.sqrt(np.mean((model.predict(texts) - np.array(values, float)) ** 2)))
