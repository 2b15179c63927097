"""The tables of the oracle's tasks, formula by formula those of boost/world_test.go and boost/tables_test.go."""

import gzip
import os

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
HERE = os.path.dirname(os.path.abspath(__file__))


def mix(x):
    x = x ^ (x >> np.uint64(30))
    x = x * np.uint64(0xBF58476D1CE4E5B9)
    x = x ^ (x >> np.uint64(27))
    x = x * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(seed, i):
    return (mix(np.uint64(seed) + np.asarray(i).astype(np.uint64) * GOLDEN) >> np.uint64(40)).astype(np.float64) / (1 << 24)


def normal(seed, i):
    i = np.asarray(i)
    return np.sqrt(-2 * np.log(1 - uniform(seed, 2 * i))) * np.cos(2 * np.pi * uniform(seed, 2 * i + 1))


class Table:
    """x, y, and where they are needed groups (lengths) and categories (columns)."""

    def __init__(self, x, y, groups=None, categories=()):
        self.x, self.y, self.groups, self.categories = x.astype(np.float32), y.astype(np.float64), groups, categories


def cells(rows, columns):
    return np.arange(rows * columns).reshape(rows, columns)


def friedman(x):
    """Friedman (1991), "Multivariate Adaptive Regression Splines", 4.3; also Breiman (1996), "Bagging Predictors"."""
    return 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]


def friedman_table(seed, rows, label):
    x = uniform(seed, cells(rows, 10)).astype(np.float32)
    return Table(x, label(seed + 1, friedman(x.astype(np.float64)), x.astype(np.float64), np.arange(rows)))


def friedman1(seed):
    return friedman_table(seed, 20_000, lambda s, f, x, r: f + normal(s, r))


def quantile(seed):
    return friedman_table(seed, 20_000, lambda s, f, x, r: f + normal(s, r) * (1 + 3 * x[:, 5]))


def outliers(seed):
    return friedman_table(seed, 20_000, lambda s, f, x, r: f + normal(s, r) * np.where(uniform(s + 1, r) < 0.1, 15, 1))


def counts(seed, mean):
    """A Poisson count for each mean, by walking up the distribution."""
    u, p = uniform(seed, np.arange(len(mean))), np.exp(-mean)
    n, below = np.zeros(len(mean)), p.copy()
    for k in range(1, 60):
        n[u >= below] = k
        p = p * mean / k
        below = below + p
    return n


def poisson(seed):
    return friedman_table(seed, 20_000, lambda s, f, x, r: counts(s, np.exp(f / 10 - 1)))


def amounts(seed, mean):
    """Claims: a Poisson number of exponential amounts, mean in all."""
    n, sums = counts(seed, mean / 2), np.zeros(len(mean))
    for k in range(60):
        claim = -2 * np.log(1 - uniform(seed + 1, np.arange(len(mean)) * 60 + k))
        sums = sums + np.where(n > k, claim, 0)
    return sums


def tweedie(seed):
    return friedman_table(seed, 20_000, lambda s, f, x, r: amounts(s, np.exp(f / 10 - 1.5)))


def imbalanced(seed):
    return friedman_table(seed, 50_000, lambda s, f, x, r: f + 3 * normal(s, r) > 29.75)


def ranking(seed):
    t = friedman_table(seed, 20_000, lambda s, f, x, r: np.clip(np.trunc((f + 4 * normal(s, r) - 9) / 3), 0, 4))
    t.groups = np.full(1000, 20)
    return t


def hastie(seed, rows=20_000, columns=10):
    """Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", formula 10.2."""
    x = normal(seed, cells(rows, columns)).astype(np.float32)
    return Table(x, (x[:, :10].astype(np.float64) ** 2).sum(axis=1) > 9.34)


def wide(seed):
    return hastie(seed, 8000, 200)


def waveform(seed):
    """Breiman, Friedman, Olshen and Stone (1984), "Classification and Regression Trees", 2.6.2."""
    rows = np.arange(10_000)
    wave = lambda shift: np.maximum(6 - np.abs(np.arange(1, 22) - 11 - shift), 0)
    first, second = np.stack([wave(0), wave(0), wave(4)]), np.stack([wave(4), wave(-4), wave(-4)])
    y = np.trunc(uniform(seed + 1, 2 * rows) * 3).astype(int)
    u = uniform(seed + 1, 2 * rows + 1)[:, None]
    return Table(u * first[y] + (1 - u) * second[y] + normal(seed, cells(len(rows), 21)), y)


def categories(seed):
    """Effects of 1000, 1000 and 30 categories, skewed in frequency, and of two numbers."""
    rows, sizes = 30_000, (1000, 1000, 30)
    u = uniform(seed, cells(rows, 6))
    x, score = np.zeros((rows, 5)), 2 * u[:, 3] - u[:, 4]
    for c, n in enumerate(sizes):
        x[:, c] = np.trunc(u[:, c] ** 2 * n)
        score = score + (3 * uniform(77 + c, x[:, c]) - 1.5)
    x[:, 3:] = u[:, 3:5]
    return Table(x, u[:, 5] < 1 / (1 + np.exp(-score)), categories=(0, 1, 2))


def flights(seed, label):
    """Flights of January 2001 from examples/flights, whole groups of one origin, day and hour; see peers.py extract."""
    raw = np.frombuffer(gzip.open(os.path.join(HERE, "flights.bin.gz")).read(), dtype="<u2").reshape(-1, 7).astype(np.int64)
    train = raw[:, 0] < 30_000
    raw = raw[train if seed % 2 else ~train]
    minutes_late = raw[:, 6] - 2000
    groups = np.unique(raw[:, 0], return_counts=True)[1]
    return Table(raw[:, 1:6], label(minutes_late), groups)


def flights_late(seed):
    return flights(seed, lambda late: late > 15)


def flights_minutes(seed):
    return flights(seed, lambda late: np.clip(late, -60, 180))


def flights_rank(seed):
    return flights(seed, lambda late: np.searchsorted([0, 15, 30, 60], late, side="left"))


def digits(seed):
    """Handwritten digits as scikit-learn bundles them (Alpaydin and Kaynak 1998, UCI, CC BY 4.0): 8 x 8 pixels of 0 to 16,
    then the digit."""
    raw = np.frombuffer(gzip.open(os.path.join(HERE, "digits.bin.gz")).read(), dtype=np.uint8).reshape(-1, 65)
    raw = raw[seed % 2 :: 2]
    return Table(raw[:, :64], raw[:, 64])


def world(seed, label):
    rows, columns, missing = 20_000, 12, 0.05
    at = cells(rows, columns) * 8
    u = [uniform(seed, at + k) for k in range(5)]
    kind = np.arange(columns) % 4
    x = np.select([kind == 0, kind == 1, kind == 2], [2 * (u[0] + u[1] + u[2] + u[3] - 2), u[0] ** 3 * 10, np.floor(u[0] * 7)], u[0])
    x = x.astype(np.float32)
    x[u[4] < missing] = np.nan
    v = np.where(np.isnan(x), 0.5, x).astype(np.float64)
    s = v[:, 0] + 0.5 * v[:, 1] - 0.3 * v[:, 2] + v[:, 3] * v[:, 4]
    s = s + (v[:, 5] > 2) + 1.5 * ((v[:, 0] > 0) & (v[:, 3] > 0.5)) - 1.5
    s = s + 2 * (sum(uniform(seed + 1, np.arange(rows) * 4 + k) for k in range(4)) - 2)
    return Table(x, label(s))


def world_binary(seed):
    return world(seed, lambda s: s > 0.5)


def world_multiclass(seed):
    return world(seed, lambda s: np.clip(np.trunc(s + 1.5), 0, 3))


def world_squared(seed):
    return world(seed, lambda s: s)
