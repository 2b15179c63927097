"""Makes the files of this folder from npm's vega-datasets 3.2.1 (see PROVENANCE.md).

    npm pack vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz
    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1
    venv/bin/python make.py package/data .

Every row and value of the source is kept. Rows are sorted by route, then by local time; rows equal in both keep the
source's order, so no outcome decides the order. File order is therefore not time order.
"""

import csv
import hashlib
import pathlib
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SOURCES = {
    "flights-3m.parquet": "dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0",
    "airports.csv": "903c7169e6d558eefb95295fe2947ec8503135fbb855ea5c737cf4a90ea603ad",
}

# The zone of a state that has one, as its clocks stood in 2001.
ZONES = {
    "America/New_York": "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AL AR IA IL LA MN MO MS OK WI",
    "America/Denver": "CO MT NM UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA NV WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR",
    "America/St_Thomas": "VI",
    "Pacific/Guam": "GU MP",
    "Pacific/Pago_Pago": "AS",
}
ONE_ZONE = {state: zone for zone, states in ZONES.items() for state in states.split()}

# States cut by a border between zones: west of the longitude the first zone, else the second.
SPLIT = {
    "FL": (-85.0, "America/Chicago", "America/New_York"),
    "TN": (-85.45, "America/Chicago", "America/New_York"),
    "KY": (-86.0, "America/Chicago", "America/New_York"),
    "IN": (-87.4, "America/Chicago", "America/Indiana/Indianapolis"),
    "MI": (-90.0, "America/Menominee", "America/Detroit"),
    "TX": (-104.9, "America/Denver", "America/Chicago"),
    "KS": (-101.5, "America/Denver", "America/Chicago"),
    "NE": (-101.0, "America/Denver", "America/Chicago"),
    "SD": (-100.6, "America/Denver", "America/Chicago"),
    "ND": (-102.0, "America/Denver", "America/Chicago"),
    "OR": (-117.5, "America/Los_Angeles", "America/Boise"),
}
SOUTH_OF_SALMON_RIVER = 45.5  # Idaho's border between zones runs from west to east
NO_STATE = {"MQT": "MI"}  # the table writes NA for Marquette


def zone(iata, state, latitude, longitude):
    state = NO_STATE.get(iata, state)
    if state == "ID":
        return "America/Boise" if latitude < SOUTH_OF_SALMON_RIVER else "America/Los_Angeles"
    if state == "AK" and longitude < -169.5:
        return "America/Adak"
    if state in SPLIT:
        border, west, east = SPLIT[state]
        return west if longitude < border else east
    return ONE_ZONE[state]


def write_airports(source, used, out):
    with open(source, newline="") as f:
        rows = [r for r in csv.DictReader(f) if r["iata"] in used]
    missing = used - {r["iata"] for r in rows}
    if missing:
        sys.exit(f"no airport for {sorted(missing)}")
    with open(out, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["iata", "state", "latitude", "longitude", "zone"])
        for r in sorted(rows, key=lambda r: r["iata"]):
            z = zone(r["iata"], r["state"], float(r["latitude"]), float(r["longitude"]))
            w.writerow([r["iata"], NO_STATE.get(r["iata"], r["state"]), r["latitude"], r["longitude"], z])


def write_months(table, out):
    table = table.append_column("row", pa.array(range(table.num_rows), pa.int32()))
    table = table.sort_by([(c, "ascending") for c in ("origin", "destination", "date", "row")]).drop_columns("row")
    # Six rows left at the stroke of midnight that ends June: they stay with June.
    month = pc.min_element_wise(pc.month(table["date"]), pa.scalar(6, pa.int64()))
    rows = 0
    for m in range(1, 7):
        part = table.filter(pc.equal(month, m)).cast(pa.schema([
            ("date", pa.timestamp("ms")), ("delay", pa.int64()), ("distance", pa.int64()),
            ("origin", pa.string()), ("destination", pa.string())]))
        rows += part.num_rows
        pq.write_table(part, out / f"2001-{m:02d}.parquet", compression="zstd", compression_level=19,
                       row_group_size=1 << 18, use_dictionary=["origin", "destination", "delay"], data_page_version="2.0",
                       column_encoding={"date": "DELTA_BINARY_PACKED", "distance": "DELTA_BINARY_PACKED"})
    if rows != table.num_rows:
        sys.exit(f"{rows} rows written of {table.num_rows}")


def main(source, out):
    for name, digest in SOURCES.items():
        if hashlib.sha256((source / name).read_bytes()).hexdigest() != digest:
            sys.exit(f"{source / name} is not the file of vega-datasets 3.2.1")
    table = pq.read_table(source / "flights-3m.parquet", columns=["date", "delay", "distance", "origin", "destination"])
    used = set(pc.unique(table["origin"]).to_pylist()) | set(pc.unique(table["destination"]).to_pylist())
    write_airports(source / "airports.csv", used, out / "airports.csv")
    write_months(table, out)
    for f in sorted(out.glob("2001-*.parquet")) + [out / "airports.csv"]:
        print(hashlib.sha256(f.read_bytes()).hexdigest(), f.name, f.stat().st_size)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
