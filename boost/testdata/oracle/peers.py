"""Trains the peers on the tables of tables.py and writes their test metrics, five seeds each, to peers.json.

    python -m venv peers && peers/bin/pip install -r requirements.txt
    peers/bin/python peers.py            all tasks, or those named
    peers/bin/python peers.py extract    flights.bin.gz from examples/flights, digits.bin.gz from scikit-learn
"""

import datetime
import gzip
import json
import os
import sys

import lightgbm
import numpy as np
import pandas
import sklearn
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, roc_auc_score

import tables

TREES, LEAVES, RATE, L2, MIN_ROWS, SAMPLE, AT = 60, 31, 0.1, 1.0, 20, 0.8, 10
ALPHA, DELTA, POWER = 0.9, 1.5, 1.5

# name, table, objective, seed of the training rows; the test rows have the next even one
TASKS = [
    ("binary", tables.world_binary, "binary", 11),
    ("multiclass", tables.world_multiclass, "multiclass", 11),
    ("squared", tables.world_squared, "squared", 11),
    ("flights late", tables.flights_late, "binary", 21),
    ("flights minutes", tables.flights_minutes, "squared", 21),
    ("flights rank", tables.flights_rank, "rank", 21),
    ("digits", tables.digits, "multiclass", 21),
    ("friedman", tables.friedman1, "squared", 31),
    ("hastie", tables.hastie, "binary", 41),
    ("waveform", tables.waveform, "multiclass", 51),
    ("ranking", tables.ranking, "rank", 61),
    ("wide", tables.wide, "binary", 71),
    ("categories", tables.categories, "binary", 81),
    ("imbalanced", tables.imbalanced, "binary", 91),
    ("quantile", tables.quantile, "quantile", 101),
    ("outliers", tables.outliers, "huber", 111),
    ("poisson", tables.poisson, "poisson", 121),
    ("tweedie", tables.tweedie, "tweedie", 131),
]


def predict_sklearn(objective, train, test, seed):
    if objective not in ("binary", "multiclass", "squared") or train.categories:
        return None
    common = dict(max_iter=TREES, max_leaf_nodes=LEAVES, learning_rate=RATE, l2_regularization=L2,
                  min_samples_leaf=MIN_ROWS, max_features=SAMPLE, early_stopping=False, random_state=seed)
    if objective == "squared":
        return HistGradientBoostingRegressor(**common).fit(train.x, train.y).predict(test.x)
    p = HistGradientBoostingClassifier(**common).fit(train.x, train.y).predict_proba(test.x)
    return p[:, 1] if objective == "binary" else p


def xgboost_matrix(t):
    if t.categories:
        sizes = (t.x.max(axis=0) + 1).astype(int)
        frame = pandas.DataFrame({f"x{c}": pandas.Categorical.from_codes(t.x[:, c].astype(int), range(1000)) if c in t.categories
                                  else t.x[:, c] for c in range(len(sizes))})
        return xgboost.DMatrix(frame, t.y, enable_categorical=True)
    d = xgboost.DMatrix(t.x, t.y)
    if t.groups is not None:
        d.set_group(t.groups)
    return d


def predict_xgboost(objective, train, test, seed):
    p = dict(tree_method="hist", grow_policy="lossguide", max_depth=0, max_leaves=LEAVES, eta=RATE, reg_lambda=L2,
             min_child_weight=1e-3, subsample=SAMPLE, colsample_bytree=SAMPLE, seed=seed, nthread=1)
    p.update({
        "binary": dict(objective="binary:logistic"),
        "multiclass": dict(objective="multi:softprob", num_class=int(train.y.max()) + 1),
        "squared": dict(objective="reg:squarederror"),
        "rank": dict(objective="rank:ndcg", lambdarank_pair_method="topk", lambdarank_num_pair_per_sample=AT + 3),
        "quantile": dict(objective="reg:quantileerror", quantile_alpha=ALPHA),
        "huber": dict(objective="reg:pseudohubererror", huber_slope=DELTA),
        "poisson": dict(objective="count:poisson"),
        "tweedie": dict(objective="reg:tweedie", tweedie_variance_power=POWER),
    }[objective])
    return xgboost.train(p, xgboost_matrix(train), TREES).predict(xgboost_matrix(test))


def predict_lightgbm(objective, train, test, seed):
    p = dict(num_leaves=LEAVES, learning_rate=RATE, lambda_l2=L2, min_data_in_leaf=MIN_ROWS, bagging_fraction=SAMPLE,
             bagging_freq=1, feature_fraction=SAMPLE, seed=seed, verbose=-1, num_threads=1)
    p.update({
        "binary": dict(objective="binary"),
        "multiclass": dict(objective="multiclass", num_class=int(train.y.max()) + 1),
        "squared": dict(objective="regression"),
        "rank": dict(objective="lambdarank", lambdarank_truncation_level=AT + 3),
        "quantile": dict(objective="quantile", alpha=ALPHA),
        "huber": dict(objective="huber", alpha=DELTA),
        "poisson": dict(objective="poisson"),
        "tweedie": dict(objective="tweedie", tweedie_variance_power=POWER),
    }[objective])
    data = lightgbm.Dataset(train.x, train.y, group=train.groups if objective == "rank" else None,
                            categorical_feature=list(train.categories))
    return lightgbm.train(p, data, TREES).predict(test.x)


def ndcg(t, p):
    """The mean over groups with a relevant row; equal scores in the order of the rows."""
    total, n, start = 0.0, 0, 0
    discount = 1 / np.log2(np.arange(2, AT + 2))
    for size in t.groups:
        y, s = t.y[start : start + size], p[start : start + size]
        gain = lambda order: ((2 ** y[order][:AT] - 1) * discount[: min(AT, size)]).sum()
        best = gain(np.argsort(-y, kind="stable"))
        if best > 0:
            total, n = total + gain(np.argsort(-s, kind="stable")) / best, n + 1
        start += size
    return float(total / n)


def metrics(objective, t, p):
    y = t.y
    if objective == "multiclass":
        return {"logloss": float(log_loss(y, p))}
    if objective == "binary":
        return {"logloss": float(log_loss(y, p)), "auc": float(roc_auc_score(y, p))}
    if objective == "rank":
        return {"ndcg": ndcg(t, p)}
    r = p - y
    return {
        "squared": lambda: {"rmse": float(np.sqrt(np.mean(r**2)))},
        "quantile": lambda: {"pinball": float(np.mean(np.where(r > 0, (1 - ALPHA) * r, -ALPHA * r)))},
        "huber": lambda: {"huber": float(np.mean(np.where(np.abs(r) > DELTA, DELTA * (np.abs(r) - DELTA / 2), r**2 / 2)))},
        "poisson": lambda: {"deviance": float(np.mean(p - y * np.log(p)))},
        "tweedie": lambda: {"deviance": float(np.mean(p ** (2 - POWER) / (2 - POWER) + y * p ** (1 - POWER) / (POWER - 1)))},
    }[objective]()


def extract():
    import pyarrow.parquet as parquet
    from sklearn.datasets import load_digits

    t = parquet.read_table(os.path.join(tables.HERE, "../../../examples/flights/2001-01.parquet")).to_pandas()
    codes = {name: i for i, name in enumerate(sorted(set(t.origin) | set(t.destination)))}
    t["group"] = t.groupby([t.origin, t.date.dt.day, t.date.dt.hour]).ngroup()
    t = t[t.groupby("group").group.transform("size") >= 2].sort_values(["group", "date", "destination", "distance", "delay"])
    numbers = np.unique(t.group)
    draw = tables.mix(numbers.astype(np.uint64) * tables.GOLDEN)
    order = numbers[np.argsort(draw)]
    keep = {g: i if i < 2000 else 30_000 + i for i, g in enumerate(order[:4000])}
    t = t[t.group.isin(keep.keys())]
    out = np.stack([t.group.map(keep), t.origin.map(codes), t.destination.map(codes), t.date.dt.hour * 60 + t.date.dt.minute,
                    t.date.dt.day, t.distance, t.delay + 2000], axis=1).astype("<u2")
    out = out[np.argsort(out[:, 0], kind="stable")]
    d = load_digits()
    raw = np.concatenate([d.data, d.target[:, None]], axis=1).astype(np.uint8)
    for name, b in (("flights.bin.gz", out.tobytes()), ("digits.bin.gz", raw.tobytes())):
        with open(os.path.join(tables.HERE, name), "wb") as f:
            f.write(gzip.compress(b, 9, mtime=0))
        print(name, len(b), "bytes")


def main(names):
    np.seterr(over="ignore")
    path = os.path.join(tables.HERE, "peers.json")
    out = {"checks": {}, "metrics": {}}
    if names:
        with open(path) as f:
            out = json.load(f)
    out["versions"] = {m.__name__: m.__version__ for m in (sklearn, xgboost, lightgbm)}
    for name, table, objective, seed in TASKS:
        if names and name not in names:
            continue
        train, test = table(seed), table(seed + 1)
        out["checks"][name] = {"rows": len(train.y), "labels": float(train.y.sum()), "values": float(np.nansum(test.x, dtype=np.float64))}
        for peer, predict in (("scikit-learn", predict_sklearn), ("xgboost", predict_xgboost), ("lightgbm", predict_lightgbm)):
            for s in range(1, 6):
                p = predict(objective, train, test, s)
                if p is None:
                    break
                for metric, value in metrics(objective, test, p).items():
                    values = out["metrics"].setdefault(f"{name} {metric}", {})
                    if s == 1:
                        values[peer] = []
                    values[peer].append(round(value, 6))
            for metric, values in out["metrics"].items():
                if metric.rsplit(" ", 1)[0] == name and peer in values:
                    print(datetime.datetime.now().time(), metric, peer, values[peer], flush=True)
    with open(path, "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["extract"]:
        extract()
    else:
        main(sys.argv[1:])
