"""Trains the peers on the tables of world_test.go and writes their test metrics to peers.json.

    pip install numpy scikit-learn xgboost lightgbm     (peers.json names the versions used)
    python peers.py
"""

import json
import os
import sys

import lightgbm
import numpy as np
import sklearn
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, roc_auc_score

ROWS, COLUMNS, CLASSES, MISSING = 20_000, 12, 4, 0.05
TREES, LEAVES, RATE, L2, MIN_ROWS, SAMPLE = 60, 31, 0.1, 1.0, 20, 0.8
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x):
    x = x ^ (x >> np.uint64(30))
    x = x * np.uint64(0xBF58476D1CE4E5B9)
    x = x ^ (x >> np.uint64(27))
    x = x * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(seed, i):
    return (mix(np.uint64(seed) + i * GOLDEN) >> np.uint64(40)).astype(np.float64) / (1 << 24)


def world(seed):
    at = np.arange(ROWS * COLUMNS, dtype=np.uint64) * np.uint64(8)
    u = [uniform(seed, at + np.uint64(k)) for k in range(5)]
    kind = np.arange(ROWS * COLUMNS) % COLUMNS % 4
    x = u[0].copy()
    x[kind == 0] = (2 * (u[0] + u[1] + u[2] + u[3] - 2))[kind == 0]
    x[kind == 1] = (u[0] ** 3 * 10)[kind == 1]
    x[kind == 2] = np.floor(u[0] * 7)[kind == 2]
    x = x.astype(np.float32)
    x[u[4] < MISSING] = np.nan
    x = x.reshape(ROWS, COLUMNS)
    v = np.where(np.isnan(x), 0.5, x).astype(np.float64)
    s = v[:, 0] + 0.5 * v[:, 1] - 0.3 * v[:, 2] + v[:, 3] * v[:, 4]
    s = s + (v[:, 5] > 2) + 1.5 * ((v[:, 0] > 0) & (v[:, 3] > 0.5)) - 1.5
    rows = np.arange(ROWS, dtype=np.uint64) * np.uint64(4)
    s = s + 2 * (sum(uniform(seed + 1, rows + np.uint64(k)) for k in range(4)) - 2)
    return x, {"binary": (s > 0.5) * 1.0, "multiclass": np.clip(np.trunc(s + 1.5), 0, CLASSES - 1), "squared": s}


def predict_sklearn(task, x, y, xt, seed):
    common = dict(max_iter=TREES, max_leaf_nodes=LEAVES, learning_rate=RATE, l2_regularization=L2,
                  min_samples_leaf=MIN_ROWS, max_features=SAMPLE, early_stopping=False, random_state=seed)
    if task == "squared":
        return HistGradientBoostingRegressor(**common).fit(x, y).predict(xt)
    p = HistGradientBoostingClassifier(**common).fit(x, y).predict_proba(xt)
    return p[:, 1] if task == "binary" else p


def predict_xgboost(task, x, y, xt, seed):
    p = dict(tree_method="hist", grow_policy="lossguide", max_depth=0, max_leaves=LEAVES, eta=RATE, reg_lambda=L2,
             min_child_weight=1e-3, subsample=SAMPLE, colsample_bytree=SAMPLE, seed=seed,
             objective={"binary": "binary:logistic", "multiclass": "multi:softprob", "squared": "reg:squarederror"}[task])
    if task == "multiclass":
        p["num_class"] = CLASSES
    return xgboost.train(p, xgboost.DMatrix(x, y), TREES).predict(xgboost.DMatrix(xt))


def predict_lightgbm(task, x, y, xt, seed):
    p = dict(objective={"binary": "binary", "multiclass": "multiclass", "squared": "regression"}[task], num_leaves=LEAVES,
             learning_rate=RATE, lambda_l2=L2, min_data_in_leaf=MIN_ROWS, bagging_fraction=SAMPLE, bagging_freq=1,
             feature_fraction=SAMPLE, seed=seed, verbose=-1)
    if task == "multiclass":
        p["num_class"] = CLASSES
    return lightgbm.train(p, lightgbm.Dataset(x, y), TREES).predict(xt)


def metrics(task, y, p):
    if task == "squared":
        return {"rmse": float(np.sqrt(np.mean((y - p) ** 2)))}
    if task == "multiclass":
        return {"logloss": float(log_loss(y, p))}
    return {"logloss": float(log_loss(y, p)), "auc": float(roc_auc_score(y, p))}


def main():
    np.seterr(over="ignore")
    (x, ys), (xt, yts) = world(11), world(12)
    out = {"versions": {"scikit-learn": sklearn.__version__, "xgboost": xgboost.__version__, "lightgbm": lightgbm.__version__},
           "check": {"value": float(x[7, 3]), "score": float(ys["squared"][7])}, "metrics": {}}
    for task in ("binary", "multiclass", "squared"):
        for name, predict in (("scikit-learn", predict_sklearn), ("xgboost", predict_xgboost), ("lightgbm", predict_lightgbm)):
            for seed in range(1, 6):
                got = metrics(task, yts[task], predict(task, x, ys[task], xt, seed))
                for metric, value in got.items():
                    out["metrics"].setdefault(f"{task} {metric}", {}).setdefault(name, []).append(round(value, 6))
    path = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "peers.json")
    with open(path, "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")


main()
