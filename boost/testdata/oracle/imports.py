"""Trains small models with XGBoost and LightGBM and writes them, with their predictions, to imports/.

    python -m venv v && v/bin/pip install numpy==2.4.6 scipy==1.17.1 xgboost-cpu==3.2.0 lightgbm==4.7.0
    v/bin/python imports.py

NAME.json holds the rows (null is missing), the predictions, and where asked the contributions, [rows][outputs][features+1].
"""

import json
import os

import lightgbm
import numpy as np
import xgboost

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "imports")
ROWS, SHOWN = 1500, 24
CATEGORIES = [3, 4]  # columns; 4 has few codes, 3 has many


def table(seed):
    r = np.random.default_rng(seed)
    x = np.stack([
        r.normal(size=ROWS), r.exponential(size=ROWS), r.integers(-2, 3, ROWS),
        r.integers(0, 90, ROWS), r.integers(0, 4, ROWS), r.normal(size=ROWS) * 1e-3], axis=1)
    odd = (x[:, 3] * 7 % 13 < 5)
    s = x[:, 0] + 0.7 * np.log1p(x[:, 1]) * (x[:, 2] > 0) + 1.2 * odd - (x[:, 4] == 2) + 400 * x[:, 5] * (x[:, 0] > 0)
    x = x.astype(np.float32)
    x[r.random(x.shape) < 0.08] = np.nan
    return x, s + 0.5 * r.normal(size=ROWS)


X, S = table(1)
SHOW = table(2)[0][:SHOWN]
SHOW[0] = np.nan
SHOW[1] = 0
SHOW[2] = [np.inf, -np.inf, 1e-36, 95, 17, -1e-36]
SHOW[3] = [-np.inf, np.inf, -1e-36, 1e6, 2, 1e-35]
SHOW[4, 3:5] = -1
FINITE = np.clip(SHOW, -3e38, 3e38)  # XGBoost refuses infinity
GROUPS = [30] * (ROWS // 30)
LABELS = {
    "binary": (S > 0.5) * 1.0,
    "classes": np.clip(np.trunc(S + 1.5), 0, 2),
    "number": S,
    "count": np.clip(np.trunc(np.exp(S / 2)), 0, 50),
    "amount": np.where(S > 0, S, 0.0),
    "relevance": np.clip(np.trunc(S + 1.5), 0, 3),
}


def plain(a):
    if isinstance(a, np.ndarray):
        return [plain(x) for x in a]
    if np.isnan(a):
        return None
    return repr(float(a)) if np.isinf(a) else float(a)


def write(name, rows, predictions, contributions=None):
    doc = {"rows": plain(rows), "predictions": plain(np.asarray(predictions, dtype=np.float64).reshape(SHOWN, -1))}
    if contributions is not None:
        doc["contributions"] = plain(np.asarray(contributions, dtype=np.float64).reshape(SHOWN, -1))
    with open(os.path.join(OUT, name + ".json"), "w") as f:
        json.dump(doc, f)
        f.write("\n")


def save_xgboost(name, booster):
    for kind in ["json", "ubj"]:
        with open(os.path.join(OUT, f"{name}.xgboost.{kind}"), "wb") as f:
            f.write(booster.save_raw(kind))


def train_xgboost(name, label, explain=False, categories=False, trees=8, named=False, **params):
    common = dict(max_depth=4, eta=0.3, nthread=1, seed=3, tree_method="hist")
    options = dict(enable_categorical=True, feature_types=["c" if i in CATEGORIES else "q" for i in range(6)]) if categories else {}
    if named:
        options["feature_names"] = ["alpha", "beta \"quoted\" \\ é", "gamma", "delta", "epsilon", "zeta"]
    d = xgboost.DMatrix(X, label=LABELS[label], **options)
    if label == "relevance":
        d.set_group(GROUPS)
    booster = xgboost.train({**common, **params}, d, num_boost_round=trees)
    save_xgboost(name, booster)
    shown = xgboost.DMatrix(FINITE, **options)
    write(name, FINITE, booster.predict(shown), booster.predict(shown, pred_contribs=True) if explain else None)


def train_lightgbm(name, label, explain=False, categories=False, trees=8, **params):
    common = dict(num_leaves=12, learning_rate=0.3, num_threads=1, seed=3, deterministic=True, verbose=-1, min_data_in_leaf=5)
    d = lightgbm.Dataset(X.astype(np.float64), label=LABELS[label], categorical_feature=CATEGORIES if categories else [],
                         group=GROUPS if label == "relevance" else None)
    booster = lightgbm.train({**common, **params}, d, num_boost_round=trees)
    booster.save_model(os.path.join(OUT, name + ".lightgbm.txt"))
    shown = SHOW.astype(np.float64)
    write(name, SHOW, booster.predict(shown), booster.predict(shown, pred_contrib=True) if explain else None)


def main():
    os.makedirs(OUT, exist_ok=True)
    train_xgboost("x-binary", "binary", explain=True, named=True, objective="binary:logistic")
    train_xgboost("x-multiclass", "classes", explain=True, objective="multi:softprob", num_class=3)
    train_xgboost("x-forest", "classes", objective="multi:softprob", num_class=3, num_parallel_tree=2, subsample=0.7, trees=3)
    train_xgboost("x-squared", "number", objective="reg:squarederror")
    train_xgboost("x-huber", "number", objective="reg:pseudohubererror", huber_slope=1.5)
    train_xgboost("x-quantile", "number", objective="reg:quantileerror", quantile_alpha=0.8)
    train_xgboost("x-absolute", "number", objective="reg:absoluteerror")
    train_xgboost("x-poisson", "count", objective="count:poisson")
    train_xgboost("x-tweedie", "amount", objective="reg:tweedie", tweedie_variance_power=1.3)
    train_xgboost("x-rank", "relevance", objective="rank:ndcg")
    train_xgboost("x-leafwise", "number", objective="reg:squarederror", grow_policy="lossguide", max_leaves=20, max_depth=0)
    train_xgboost("x-categories", "number", explain=True, categories=True, objective="reg:squarederror", max_cat_to_onehot=5)
    train_xgboost("x-small", "classes", categories=True, objective="multi:softprob", num_class=3, max_depth=2, trees=1)
    train_xgboost("x-dart", "binary", objective="binary:logistic", booster="dart", rate_drop=0.3, trees=4)
    linear = xgboost.train({"booster": "gblinear", "nthread": 1}, xgboost.DMatrix(np.nan_to_num(X), label=S), num_boost_round=2)
    save_xgboost("x-linear", linear)

    train_lightgbm("l-binary", "binary", explain=True, objective="binary")
    train_lightgbm("l-multiclass", "classes", explain=True, objective="multiclass", num_class=3)
    train_lightgbm("l-squared", "number", objective="regression")
    train_lightgbm("l-absolute", "number", objective="regression_l1")
    train_lightgbm("l-huber", "number", objective="huber", alpha=1.5)
    train_lightgbm("l-quantile", "number", objective="quantile", alpha=0.8)
    train_lightgbm("l-poisson", "count", objective="poisson")
    train_lightgbm("l-tweedie", "amount", objective="tweedie", tweedie_variance_power=1.3)
    train_lightgbm("l-rank", "relevance", objective="lambdarank")
    train_lightgbm("l-categories", "number", explain=True, categories=True, objective="regression", max_cat_to_onehot=2,
                   min_data_per_group=5, cat_smooth=1, max_cat_threshold=64)
    train_lightgbm("l-onehot", "binary", categories=True, objective="binary", max_cat_to_onehot=100, min_data_per_group=5)
    train_lightgbm("l-small", "number", categories=True, objective="regression", num_leaves=4, trees=2)
    train_lightgbm("l-dart", "binary", objective="binary", boosting="dart", drop_rate=0.5, drop_seed=1)
    train_lightgbm("l-none-missing", "number", objective="regression", use_missing=False)
    train_lightgbm("l-zero-missing", "number", objective="regression", zero_as_missing=True, trees=3)
    train_lightgbm("l-steep", "binary", objective="binary", sigmoid=2.0, trees=2)
    train_lightgbm("l-linear", "number", objective="regression", linear_tree=True, trees=2)
    train_lightgbm("l-forest", "binary", objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.7, trees=2)
    train_lightgbm("l-fair", "count", objective="fair", trees=2)


if __name__ == "__main__":
    main()
