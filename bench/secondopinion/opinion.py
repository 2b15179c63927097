"""A second opinion on examples/flights, written from its model.yaml alone: DuckDB and LightGBM instead of Rondo.

    python opinion.py examples/flights '2001-*.parquet' OUT

OUT is what bench/secondopinion left: the parts of the dataset as canonical blocks (docs/formats/block.md) and the scores of
its test rows. The history columns must be equal in every bit, the rows of each part must be the same, and the AUC of a
LightGBM with the same trees and leaves must be within 0.003 of Rondo's, on average over ten blocks of test time.
"""

import json
import math
import struct
import sys

import duckdb
import lightgbm
import numpy as np

WITHIN = 0.003
HISTORY = ["origin_late_3h", "dest_late_3h", "anywhere_late_3h"]


# ---- Rondo's answer ----

def read_block(b):
    columns, rows = struct.unpack_from("<II", b, 0)
    at, out = 8, {}
    for _ in range(columns):
        (n,) = struct.unpack_from("<H", b, at)
        name, at = bytes(b[at + 2:at + 2 + n]).decode(), at + 2 + n
        kind, nulls = b[at], b[at + 1]
        at += 2
        null = np.zeros(rows, bool)
        if nulls:
            size = (rows + 7) // 8
            null = np.unpackbits(np.frombuffer(b, np.uint8, size, at), bitorder="little")[:rows].astype(bool)
            at += size
        if kind == 1:
            values, at = np.frombuffer(b, np.uint8, rows, at).astype(bool), at + rows
        elif kind == 4:
            values = []
            for _ in range(rows):
                (n,) = struct.unpack_from("<I", b, at)
                values.append(bytes(b[at + 4:at + 4 + n]).decode())
                at += 4 + n
            values = np.array(values, object)
        else:
            values, at = np.frombuffer(b, np.float64 if kind == 3 else np.int64, rows, at), at + 8 * rows
        out[name] = values if not null.any() else np.ma.masked_array(values, null)
    return out


def read_part(path, names):
    blocks = []
    with open(path, "rb") as f:
        while head := f.read(8):
            block = read_block(memoryview(f.read(struct.unpack("<Q", head)[0])))
            blocks.append([block[n] for n in names])
    return {n: np.ma.concatenate([b[i] for b in blocks]) if blocks else np.array([]) for i, n in enumerate(names)}


# ---- the second opinion: rows and history in SQL ----

SQL = """
create table flights as
with raw as (select distinct * from read_parquet($source)),           -- exact repeats are one row
looked as (select raw.*, zone from raw left join read_csv($airports) on origin = iata),
timed as (select *, epoch_us(timezone(zone, date)) t from looked),
checked as (select * from timed where distance between 10 and 6000 and origin is not null and t is not null)
select row_number() over () - 1 as id, *, delay > 15 as late, date_part('hour', date) * 60 + date_part('minute', date) as minute_of_day,
       t + cast(round_even(distance / 7.5 * 60000000, 0) as bigint) + 1800000000 as known
from checked;
"""

# An outcome counts when t-3h < known < t; both ends are open, times are whole microseconds. So it is what was known before t
# less what was known by t-3h: running sums over outcomes (turn 1) and the two questions of each row, which stand before
# (turn 0) and after (turn 2) the outcomes of the same microsecond.
HISTORY_SQL = """
create table {name} as
select id, n, case when n > 0 then cast(s as double) / cast(n as double) end as value from (
  select id, sum(case turn when 0 then n else -n end) as n, sum(case turn when 0 then s else -s end) as s from (
    select id, turn, sum(one) over w as n, sum(late) over w as s from (
      select null::bigint as id, known as moment, 1 as turn, {group} as g, late::bigint as late, 1 as one from flights
      union all select id, t, 0, {group}, 0, 0 from flights
      union all select id, t - 10800000000, 2, {group}, 0, 0 from flights)
    window w as (partition by g order by moment, turn rows unbounded preceding))
  where turn <> 1 group by id);
"""


def second_opinion(folder, source):
    db = duckdb.connect(config={"threads": 2})
    db.execute("set timezone = 'UTC'; set enable_progress_bar = false")
    db.execute(SQL, {"source": f"{folder}/{source}", "airports": f"{folder}/airports.csv"})
    for name, group in zip(HISTORY, ["origin", "destination", "''"]):
        db.execute(HISTORY_SQL.format(name=name, group=group))
    return db


def one(db, sql, params=None):
    (row,) = db.execute(sql, params).fetchall()
    return row


def split(db):
    """Declared: test is the last 20 % of the time, validation the 10 % before; what is known too late for its part is purged."""
    first, last = one(db, "select min(t), max(t) + 1 from flights")
    test = last - int((last - first) * 0.2)
    validation = test - int((last - first) * 0.1)
    db.execute("""create table parts as select id, case when t >= $test then 'test'
        when t >= $validation then case when known < $test then 'validation' end
        when known < $validation then 'train' end as part from flights""", {"test": test, "validation": validation})


# ---- comparing ----

def compare_history(db, out, name):
    ours = read_part(f"{out}/{name}.blocks", ["date", "origin", "destination", "delay", "distance"] + HISTORY)
    db.register("ours_view", {n: np.ma.getdata(v) for n, v in ours.items()})
    bad = 0
    theirs = db.execute(f"""select {', '.join(f'{h}.value' for h in HISTORY)}, o.row_number
        from (select row_number() over () - 1 as row_number, * from ours_view) o
        join (select * from flights join parts using (id) where part = $part) f
          on epoch_us(f.date::timestamp) = o.date and f.origin = o.origin and f.destination = o.destination and f.delay = o.delay and f.distance = o.distance
        {' '.join(f'join {h} on {h}.id = f.id' for h in HISTORY)}""", {"part": name}).fetchnumpy()
    (rows,) = one(db, "select count(*) from parts where part = $part", {"part": name})
    order = theirs["row_number"].astype(np.int64)
    if len(order) != len(ours["date"]) or len(order) != rows or len(np.unique(order)) != rows:
        print(f"{name}: rondo has {len(ours['date'])} rows, the second opinion {rows}, {len(order)} of them alike")
        return 1
    for i, h in enumerate(HISTORY):
        a, b = np.ma.filled(ours[h], np.nan)[order], np.ma.filled(np.ma.asarray(theirs["value" if i == 0 else f"value_{i}"]), np.nan)
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        different = int(((a.view(np.int64) != b.view(np.int64)) & ~(np.isnan(a) & np.isnan(b))).sum())
        print(f"{name:10} {h:17} {rows:9,} rows, {int(np.isnan(b).sum()):6,} missing, {different} different")
        bad += different
    return bad


def auc(y, score):
    order = np.argsort(score, kind="stable")
    ranks = np.empty(len(score))
    s = score[order]
    edges = np.flatnonzero(np.r_[True, s[1:] != s[:-1], True])
    for a, b in zip(edges[:-1], edges[1:]):
        ranks[order[a:b]] = (a + b + 1) / 2
    n1 = int(y.sum())
    return (ranks[y].sum() - n1 * (n1 + 1) / 2) / (n1 * (len(y) - n1))


def compare_auc(db, out):
    part = lambda p: db.execute(f"""select t, late, minute_of_day, distance, origin, destination, delay, epoch_us(date::timestamp) as date,
        {', '.join(f'{h}.value as {h}' for h in HISTORY)} from flights join parts using (id)
        {' '.join(f'join {h} using (id)' for h in HISTORY)} where part = '{p}' order by t, id""").fetchnumpy()
    train, test = part("train"), part("test")
    codes = {c: {a: i for i, a in enumerate(sorted(set(train[c])))} for c in ["origin", "destination"]}  # declared: ordinal

    def features(p):
        code = lambda c: np.array([codes[c].get(a, np.nan) for a in p[c]], float)
        return np.column_stack([np.asarray(p["minute_of_day"], float), np.asarray(p["distance"], float), code("origin"), code("destination")]
                               + [np.ma.filled(np.ma.asarray(p[h], float), np.nan) for h in HISTORY])

    model = lightgbm.train({"objective": "binary", "num_leaves": TREES["leaves"], "learning_rate": TREES["rate"], "num_threads": 2, "seed": 1,
                            "verbosity": -1, "min_data_in_leaf": 20},
                           lightgbm.Dataset(features(train), np.asarray(train["late"], float)), TREES["trees"])
    theirs = model.predict(features(test))
    ours = read_part(f"{out}/test.blocks", ["time", "late"])
    scores = np.fromfile(f"{out}/test.scores", np.float64)
    when, late = np.ma.getdata(ours["time"]), np.ma.getdata(ours["late"]).astype(bool)
    edges = np.linspace(when[0], when[-1] + 1, 11)
    differences = []
    for a, b in zip(edges[:-1], edges[1:]):
        mine, yours = (when >= a) & (when < b), (test["t"] >= a) & (test["t"] < b)
        x, y = auc(late[mine], scores[mine]), auc(np.asarray(test["late"], bool)[yours], theirs[yours])
        print(f"block of {int(mine.sum()):7,} rows: auc rondo {x:.4f}, second opinion {y:.4f}, {x - y:+.4f}")
        differences.append(x - y)
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1) / math.sqrt(len(differences)))
    print(f"ten blocks: rondo is {mean:+.4f} off the second opinion, standard error {spread:.4f}; allowed {WITHIN}")
    return off(mean)


def off(mean):
    """Better by more than is allowed is as suspect as worse: that is what a leak looks like."""
    return not abs(mean) <= WITHIN  # no number is off


TREES = {"trees": 30, "leaves": 255, "rate": 0.2}


def main(folder, source, out):
    db = second_opinion(folder, source)
    split(db)
    dataset = json.load(open(f"{out}/dataset.json"))
    (rows,) = one(db, "select count(*) from flights")
    print(f"rows: rondo {dataset['read'] - dataset['repeats']:,}, second opinion {rows:,}")
    bad = dataset["read"] - dataset["repeats"] != rows
    for name in ["train", "validation", "test"]:
        bad += compare_history(db, out, name)
    bad += compare_auc(db, out)
    if bad:
        sys.exit("the second opinion differs")


if __name__ == "__main__":
    main(*sys.argv[1:])
