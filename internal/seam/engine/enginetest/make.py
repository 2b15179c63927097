"""Makes the files of testdata: python3 make.py, with pyarrow 26.0.1."""
import datetime as dt, decimal
import pyarrow as pa, pyarrow.parquet as pq

utc = dt.timezone.utc
t = dt.datetime(2001, 2, 3, 4, 5, 6, 789012)
pq.write_table(pa.table({
    "flag": pa.array([True, None, False]),
    "small": pa.array([-1, 2, None], pa.int16()),
    "whole": pa.array([2**53 + 1, None, -(2**62)], pa.int64()),
    "wide": pa.array([2**63, None, 1], pa.uint64()),
    "single": pa.array([0.1, float("nan"), None], pa.float32()),
    "real": pa.array([-0.0, float("inf"), 1e300], pa.float64()),
    "money": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")], pa.decimal128(9, 2)),
    "word": pa.array(["", None, "a word that is longer than twelve bytes: é"]),
    "local": pa.array([t, None, t.replace(year=1969)], pa.timestamp("us")),
    "instant": pa.array([t.replace(tzinfo=utc), None, t.replace(tzinfo=utc)], pa.timestamp("ms", "America/New_York")),
    "day": pa.array([dt.date(2001, 2, 3), None, dt.date(1969, 12, 31)]),
}), "testdata/types.parquet")
pq.write_table(pa.table({"id": [1, 2], "tags": [["a"], ["b", "c"]]}), "testdata/nested.parquet")
pq.write_table(pa.table({"n": pa.array(range(150_000), pa.int64()), "s": [f"r{i % 7}" for i in range(150_000)]}),
               "testdata/many.parquet", row_group_size=40_000, compression="zstd", use_dictionary=["s"],
               column_encoding={"n": "DELTA_BINARY_PACKED"})
pq.write_table(pa.table({"n": pa.array(range(1200), pa.int64()), "s": ["ab"[i % 2] * (1 << 18) for i in range(1200)]}),
               "testdata/bomb.parquet", compression="zstd", use_dictionary=["s"], dictionary_pagesize_limit=1 << 26, write_statistics=False)
