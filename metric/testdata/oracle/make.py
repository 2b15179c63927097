"""Writes expected.json: inputs and what scikit-learn and SciPy make of them.

Versions used are in the file. Run: pip install scikit-learn scipy numpy; python make.py > expected.json
Values come from scikit-learn. It has no intervals and no ECE, so these are written here a second time from their
definitions, with pairs and loops instead of sorts: DeLong over all pairs, the influence of a row on average precision
by numerical differentiation of its weight, quantiles and Wilson's interval by SciPy.
"""
import json
import math
import sys

import numpy as np
import scipy
import sklearn
from scipy import optimize, stats
from sklearn import metrics as m

LEVEL = 0.95


def compare(a, b):
    return 1.0 if a > b else 0.5 if a == b else 0.0


def placements(s, y):
    pos, neg = [v for v, l in zip(s, y) if l], [v for v, l in zip(s, y) if not l]
    v10 = np.array([np.mean([compare(p, n) for n in neg]) for p in pos])
    v01 = np.array([np.mean([compare(p, n) for p in pos]) for n in neg])
    return v10, v01


def logit(value, half):
    centre = math.log(value / (1 - value))
    half /= value * (1 - value)
    return [1 / (1 + math.exp(-(centre - half))), 1 / (1 + math.exp(-(centre + half)))]


def lifted(value, v10, v01):
    m, n = len(v10), len(v01)
    area = (value * min(m, n) + 1) / (min(m, n) + 2)
    a, b = np.var(v10, ddof=1) / m, np.var(v01, ddof=1) / n
    a += max(0, (area / (2 - area) - area**2) / m - a) * min(1, 30 / m)
    b += max(0, (2 * area**2 / (1 + area) - area**2) / n - b) * min(1, 30 / n)
    return a, b


def auc(s, y):
    value = m.roc_auc_score(y, s)
    v10, v01 = placements(s, y)
    a, b = lifted(value, v10, v01)
    df = (a + b) ** 2 / (a**2 / freedom(v10) + b**2 / freedom(v01))
    return [value] + logit(value, stats.t.ppf((1 + LEVEL) / 2, df) * math.sqrt(a + b))


def auc_grouped(s, y, g):
    value = m.roc_auc_score(y, s)
    v10, v01 = placements(s, y)
    psi = np.zeros(len(y))
    psi[np.array(y)] = (v10 - value) / len(v10)
    psi[~np.array(y)] = (v01 - value) / len(v01)
    sums = np.array([psi[np.array(g) == k].sum() for k in sorted(set(g))])
    n = len(sums)
    a, b = np.var(v10, ddof=1) / len(v10), np.var(v01, ddof=1) / len(v01)
    fa, fb = lifted(value, v10, v01)
    se = math.sqrt(n / (n - 1) * (sums**2).sum() + fa - a + fb - b)
    return [value] + logit(value, stats.t.ppf((1 + LEVEL) / 2, freedom(sums)) * se)


def freedom(units):
    n = len(units)
    return min(n - 1, 2 * n / max(1, stats.kurtosis(units, fisher=False) - 1))


def auc_difference(a, b, y):
    value = m.roc_auc_score(y, a) - m.roc_auc_score(y, b)
    (a10, a01), (b10, b01) = placements(a, y), placements(b, y)
    parts = []
    for p, q, up, uq in zip((a10, a01), (b10, b01), lifted(m.roc_auc_score(y, a), a10, a01), lifted(m.roc_auc_score(y, b), b10, b01)):
        parts.append(max(np.var(p - q, ddof=1) / len(p), up + uq - 2 * np.corrcoef(p, q)[0, 1] * math.sqrt(up * uq)))
    se, df = math.sqrt(sum(parts)), sum(parts) ** 2 / sum(v**2 / freedom(d) for v, d in zip(parts, (a10 - b10, a01 - b01)))
    half = stats.t.ppf((1 + LEVEL) / 2, df) * se
    return [value, value - half, value + half]


def average_precision(s, y):
    value = m.average_precision_score(y, s)
    n, step = len(y), 1e-5
    psi = []
    for i in range(n):  # how the value moves with the weight of row i
        up, down = np.ones(n), np.ones(n)
        up[i] += step
        down[i] -= step
        moved = m.average_precision_score(y, s, sample_weight=up) - m.average_precision_score(y, s, sample_weight=down)
        psi.append(moved / (2 * step))
    return value, (np.array(psi) * n).tolist()


def share(hits, of):
    ci = stats.binomtest(int(hits), int(of)).proportion_ci(LEVEL, method="wilson")
    low, high = ci.low, ci.high
    if min(hits, of - hits) < 10:
        low, high = min(low, mid_p(hits, of)), max(high, 1 - mid_p(of - hits, of))
    return [hits / of, low, high]


def mid_p(hits, of):
    if hits == 0:
        return 0.0

    def miss(p):
        return stats.binom.sf(hits, of, p) + stats.binom.pmf(hits, of, p) / 2 - (1 - LEVEL) / 2

    return optimize.brentq(miss, 1e-12, 1 - 1e-12, xtol=1e-14)


def mean(x, units=None):
    x = np.asarray(x, dtype=float)
    value = x.mean()
    away = x - value
    if units is not None:
        away = np.array([away[np.array(units) == k].sum() for k in sorted(set(units))])
    n = len(away)
    se = math.sqrt((away**2).sum() * n / (n - 1)) / len(x)
    k = (away**3).mean() / (away**2).mean() ** 1.5 / math.sqrt(n)
    t = stats.t.ppf((1 + LEVEL) / 2, freedom(away))

    def solve(at):  # t + k t^2/3 + k^2 t^3/27 + k/6 = at
        return optimize.brentq(lambda v: v + k * v * v / 3 + k * k * v**3 / 27 + k / 6 - at, -1e4, 1e4, xtol=1e-13)

    return [value, value - se * solve(t), value - se * solve(-t)]


def ece(s, y, bins):
    s, y = np.array(s), np.array(y)
    total = 0.0
    for b in range(bins):
        inside = np.minimum((s * bins).astype(int), bins - 1) == b
        if inside.any():
            total += abs(y[inside].mean() - s[inside].mean()) * inside.mean()
    return total


def binary(rng, rows, base, digits):
    y = rng.random(rows) < base
    y[0], y[1], y[2], y[3] = True, False, True, False
    s = 1 / (1 + np.exp(-(rng.normal(size=rows) + 1.2 * y - 1)))
    other = 1 / (1 + np.exp(-(rng.normal(size=rows) + 0.8 * y - 1)))
    if digits:
        s, other = np.round(s, digits), np.round(other, digits)
    else:
        s[4], s[5] = 0.0, 1.0
    g = (np.arange(rows) % 13).tolist()
    threshold = 0.5
    hat = s >= threshold
    tp, fp = int((hat & y).sum()), int((hat & ~y).sum())
    fn = int((~hat & y).sum())
    s, other, y = s.tolist(), other.tolist(), y.tolist()
    eps = np.finfo(float).eps
    losses = [-math.log(max(p if l else 1 - p, eps)) for p, l in zip(s, y)]
    squares = [(p - l) ** 2 for p, l in zip(s, y)]
    ap, influence = average_precision(s, y)
    jaccard = share(tp, tp + fp + fn)
    f1 = [m.f1_score(y, hat)] + [2 * j / (1 + j) for j in jaccard[1:]]
    log_loss, brier = mean(losses), mean(squares)
    log_loss[0], brier[0] = m.log_loss(y, s), m.brier_score_loss(y, s)
    accuracy, precision, recall = share(sum(h == l for h, l in zip(hat, y)), rows), share(tp, tp + fp), share(tp, tp + fn)
    accuracy[0], precision[0], recall[0] = m.accuracy_score(y, hat), m.precision_score(y, hat), m.recall_score(y, hat)
    return {
        "scores": s, "other": other, "labels": y, "groups": g, "threshold": threshold,
        "auc": auc(s, y), "aucByGroup": auc_grouped(s, y, g), "aucDifference": auc_difference(s, other, y),
        "logLoss": log_loss, "logLossByGroup": mean(losses, g), "brier": brier,
        "averagePrecision": ap, "averagePrecisionInfluence": influence,
        "accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1,
        "confusion": [int(v) for v in m.confusion_matrix(y, hat).ravel()],  # tn, fp, fn, tp
        "ece10": ece(s, y, 10), "ece15": ece(s, y, 15),
    }


def multiclass(rng, rows, classes):
    y = rng.integers(0, classes, rows)
    y[:classes] = np.arange(classes)
    z = rng.normal(size=(rows, classes))
    z[np.arange(rows), y] += 1
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    hat = p.argmax(axis=1)
    log_loss = mean([-math.log(p[i, l]) for i, l in enumerate(y)])
    log_loss[0] = m.log_loss(y, p)
    return {
        "classes": classes, "probabilities": p.ravel().tolist(), "labels": y.tolist(),
        "accuracy": share((hat == y).sum(), rows), "logLoss": log_loss,
        "macroF1": m.f1_score(y, hat, average="macro"),
        "macroAUC": m.roc_auc_score(y == 1, p[:, 1]) if classes == 2 else m.roc_auc_score(y, p, multi_class="ovr"),
    }


def regression(rng, rows):
    y = rng.normal(3, 2, rows)
    hat = y + rng.standard_t(5, rows)
    squares = mean((hat - y) ** 2)
    relative = np.std((hat - y) ** 2, ddof=1) / np.mean((hat - y) ** 2) / math.sqrt(rows)
    squares[2] = max(squares[2], squares[0] * math.exp(stats.t.ppf((1 + LEVEL) / 2, freedom((hat - y) ** 2)) * relative))
    absolute, pinball = mean(np.abs(hat - y)), mean(np.maximum(0.9 * (y - hat), -0.1 * (y - hat)))
    absolute[0], pinball[0] = m.mean_absolute_error(y, hat), m.mean_pinball_loss(y, hat, alpha=0.9)
    return {
        "predictions": hat.tolist(), "labels": y.tolist(),
        "rmse": [m.root_mean_squared_error(y, hat)] + [math.sqrt(v) for v in squares[1:]],
        "mae": absolute, "pinball90": pinball, "r2": m.r2_score(y, hat),
    }


rng = np.random.default_rng(7)
json.dump({
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "sklearn": sklearn.__version__},
    "level": LEVEL,
    "t": [[p, df, stats.t.ppf(p, df)] for p in (0.5, 0.6, 0.9, 0.95, 0.975, 0.995, 0.99999)
          for df in (0.7, 1, 2, 3.5, 9, 30, 59, 1000, 499999, 2e7)],
    "binary": [binary(rng, 40, 0.3, 1), binary(rng, 60, 0.1, 2), binary(rng, 400, 0.4, 0)],
    "multiclass": [multiclass(rng, 150, 4), multiclass(rng, 50, 2)],
    "regression": [regression(rng, 80), regression(rng, 300)],
}, sys.stdout, indent=None, separators=(",", ":"))
print()
