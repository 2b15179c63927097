"""Asks ONNX Runtime about the models of onnx/, written by `go test ./boost -run ONNX -update`, and writes its answers beside them.

    python -m venv v && v/bin/pip install onnxruntime==1.32.0 numpy==2.4.6
    v/bin/python onnx.py
"""

import glob
import json
import os

import numpy as np
import onnxruntime

HERE = os.path.dirname(os.path.abspath(__file__))


def number(x):
    return np.nan if x is None else float(x)


def main():
    for path in sorted(glob.glob(os.path.join(HERE, "onnx", "*.onnx"))):
        name = os.path.basename(path)[:-len(".onnx")]
        with open(os.path.join(HERE, "imports", name + ".json")) as f:
            rows = np.array([[number(x) for x in row] for row in json.load(f)["rows"]], dtype=np.float32)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        answers = session.run(["y"], {"x": rows})[0]
        with open(os.path.join(HERE, "onnx", name + ".json"), "w") as f:
            json.dump([[float(x) for x in row] for row in answers], f)
            f.write("\n")


if __name__ == "__main__":
    main()
