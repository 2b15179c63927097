"""peers.py xgboost|lightgbm FOLDER: a peer of bench/trees. It reads the case, bins the rows and then does what the lines of
its input say, answering each with a line of JSON: bin, train, test FILE, predict. Times are CPU seconds of the process.
"""

import json
import os
import resource
import sys
import time

import numpy as np


def main():
    name, folder = sys.argv[1:]
    with open(os.path.join(folder, "case.json")) as f:
        case = json.load(f)
    peer = {"xgboost": XGBoost, "lightgbm": LightGBM}[name](case, folder)
    for line in sys.stdin:
        words = line.split()
        answer = getattr(peer, words[0])(*words[1:]) or {}
        answer["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer), flush=True)


class Peer:
    def __init__(self, case, folder):
        self.case, self.folder, self.threads, self.columns = case, folder, case["threads"], case["columns"]
        self.categories = list(range(self.columns - case["categorical"], self.columns))
        self.values, self.labels = self.matrix("values"), self.column("labels")
        self.weights = self.column("weights") if case["weights"] else None
        self.booster = None

    def matrix(self, name):
        return self.column(name).reshape(-1, self.columns)

    def column(self, name):
        return np.fromfile(os.path.join(self.folder, name), dtype="<f4")

    def bin(self):
        start = time.process_time()
        self.prepare()
        return {"bin_cpu_s": time.process_time() - start}

    def train(self):
        self.begin()
        self.step()  # what is made once belongs to no tree
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(self.case["trees"]):
            self.step()
        n = self.case["trees"]
        return {"cpu_s_per_tree": (time.process_time() - cpu) / n, "wall_s_per_tree": (time.perf_counter() - wall) / n}

    def test(self, file):
        self.answer(self.matrix("test")).astype("<f8").tofile(file)

    def predict(self):
        """A model of 100 trees on the first 100,000 rows answers the test rows; the fastest of many short stretches counts."""
        if not hasattr(self, "small"):
            self.small, self.rows = self.fit(self.values[:100_000], self.labels[:100_000], 100), self.matrix("test")
        best = float("inf")
        for start in range(0, 100 * 1920, 1920):
            rows = self.rows[start:start + 1920]
            cpu = time.perf_counter()
            self.batch(self.small, rows)
            best = min(best, (time.perf_counter() - cpu) / len(rows))
        row, one = self.rows[:1], float("inf")
        for _ in range(200):
            cpu = time.perf_counter()
            self.batch(self.small, row)
            one = min(one, time.perf_counter() - cpu)
        return {"batch_ns": best * 1e9, "row_ns": one * 1e9}


class XGBoost(Peer):
    def __init__(self, case, folder):
        import xgboost
        self.lib = xgboost
        super().__init__(case, folder)
        kinds = ["c" if i in self.categories else "q" for i in range(self.columns)]
        self.kinds = dict(feature_types=kinds, enable_categorical=True) if self.categories else {}
        self.params = dict(objective="binary:logistic", tree_method="hist", max_bin=256, max_depth=case["depth"], eta=case["rate"],
                           reg_lambda=1, min_child_weight=1, nthread=self.threads, max_cat_to_onehot=4)

    def prepare(self):
        self.data = self.lib.QuantileDMatrix(self.values, label=self.labels, weight=self.weights, max_bin=256,
                                             nthread=self.threads, **self.kinds)

    def begin(self):
        self.booster, self.round = self.lib.Booster(self.params, [self.data]), 0

    def step(self):
        self.booster.update(self.data, self.round)
        self.round += 1

    def answer(self, rows):
        return self.booster.predict(self.lib.DMatrix(rows, nthread=self.threads, **self.kinds))

    def fit(self, values, labels, trees):
        return self.lib.train(self.params, self.lib.QuantileDMatrix(values, label=labels, max_bin=256, nthread=1, **self.kinds), trees)

    def batch(self, booster, rows):
        if self.categories:
            return booster.predict(self.lib.DMatrix(rows, nthread=1, **self.kinds))
        return booster.inplace_predict(rows)


class LightGBM(Peer):
    def __init__(self, case, folder):
        import lightgbm
        self.lib = lightgbm
        super().__init__(case, folder)
        self.params = dict(objective="binary", max_bin=255, num_leaves=2 ** case["depth"], max_depth=case["depth"],
                           learning_rate=case["rate"], lambda_l2=1, min_sum_hessian_in_leaf=1, min_data_in_leaf=1,
                           num_threads=self.threads, verbose=-1)

    def prepare(self):
        self.data = self.lib.Dataset(self.values, label=self.labels, weight=self.weights, params=self.params,
                                     categorical_feature=self.categories).construct()

    def begin(self):
        self.booster = self.lib.Booster(self.params, self.data)

    def step(self):
        self.booster.update()

    def answer(self, rows):
        return self.booster.predict(rows, num_threads=self.threads)

    def fit(self, values, labels, trees):
        return self.lib.train(self.params, self.lib.Dataset(values, label=labels, categorical_feature=self.categories), trees)

    def batch(self, booster, rows):
        return booster.predict(rows, num_threads=1)


if __name__ == "__main__":
    main()
