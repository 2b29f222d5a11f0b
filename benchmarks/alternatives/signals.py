"""Series with a class or a number: files of the format .ts."""

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def read(path):
    """The series (T, D) of a file, and what stands behind the last colon."""
    with open(path, encoding="utf-8") as file:
        rows = [line.strip().split(":") for line in file if line[0] != "@"]
    series = [np.array([channel.split(",") for channel in row[:-1]], float).T for row in rows]
    return series, np.array([row[-1] for row in rows])


def nearest(train, test, measure):
    """The nearest neighbour by dynamic time warping."""
    from numba import njit

    @njit
    def distance(a, b):
        best = np.full((len(a) + 1, len(b) + 1), np.inf)
        best[0, 0] = 0
        for i in range(len(a)):
            for j in range(len(b)):
                cost = 0.0
                for k in range(a.shape[1]):
                    cost += (a[i, k] - b[j, k]) ** 2
                best[i + 1, j + 1] = cost + min(best[i, j], best[i, j + 1], best[i + 1, j])
        return best[-1, -1]

    known, classes = read(train)
    series, true = read(test)
    found = [classes[np.argmin([distance(one, each) for each in known])] for one in series]
    return float(np.mean(np.array(found) == true))


def rocket(train, test, measure):
    """ROCKET: random convolutions and ridge regression."""
    from sktime.classification.kernel_based import RocketClassifier

    (known, classes), (series, true) = read(train), read(test)
    model = RocketClassifier(random_state=0).fit(np.stack(known).swapaxes(1, 2), classes)
    return float(np.mean(model.predict(np.stack(series).swapaxes(1, 2)) == true))


def ridge(train, test, measure):
    """Ridge regression on all steps."""
    (known, values), (series, true) = read(train), read(test)
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-6, 3, 10)))
    model.fit(np.stack(known)[:, :, 0], values.astype(float))
    predicted = model.predict(np.stack(series)[:, :, 0])
    return float(np.sqrt(np.mean((predicted - true.astype(float)) ** 2)))
