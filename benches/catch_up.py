#!/usr/bin/env python3
"""How fast an empty node catches up with a full one, both on this machine, beside what its cores verify alone.

    python3 benches/catch_up.py                  60,000 transactions, medians of five rounds, some three minutes
    python3 benches/catch_up.py --count 200000   more of them
    python3 benches/catch_up.py --quick          one tiny round, to see that it runs
    python3 benches/catch_up.py --json           the same as one JSON object

The first node of a network of two is filled once, by `weft sensor load`. In each round the second one starts with nothing
but its key; the time runs from its exec until it has stored as many as the first. The share is

    transactions caught up a second
    / signatures verified a second on two threads by a process that does nothing else (`cargo bench -p weft-tangle --bench
      signing`), measured right before in the same round

Both nodes and this program share the cores; `cpu us` is what each node's processor time was for each transaction.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time

import fleet
from core_seconds import find_signing_bench
from peers import find_weft, note, run

ROUNDS = 5
BATCH = 50
# A device that stays within its quota of 600 an epoch pays no extra work.
QUOTA = 600
MOST_DEVICES = 512
# A load that is signed beforehand is held in memory, which `weft sensor load` bounds.
LOAD = 100_000
LOOK_S = 0.01


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    weft, signing = find_weft(arguments.weft), find_signing_bench()
    with tempfile.TemporaryDirectory(prefix="weft-catch-up-", dir=arguments.directory) as place:
        report = measure(weft, signing, place, arguments)
    print(json.dumps(report) if arguments.json else table(report))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60_000, help="transactions that the full node has")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often; medians are told")
    parser.add_argument("--quick", action="store_true", help="one tiny round")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--weft", metavar="FILE", help="the weft binary to measure")
    parser.add_argument("--directory", metavar="DIR", help="where the temporary data lies")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.rounds = 2_000, 1
    return arguments


def measure(weft, signing, place, arguments):
    with fleet.Fleet(weft, place, 2) as ward:
        full, empty = ward.nodes
        ward.start(full.number)
        note(f"filling a node with {arguments.count} transactions")
        fill(full, arguments.count)
        stored = full.stored()
        directory = os.path.dirname(empty.config)
        shutil.copytree(directory, os.path.join(place, "fresh"))
        rows = []
        for number in range(arguments.rounds):
            verified = two_threads(signing)
            rows.append(catch_up(full, empty, stored, verified))
            note(f"round {number + 1}: {rows[-1]}")
            empty.stop()
            shutil.rmtree(directory)
            shutil.copytree(os.path.join(place, "fresh"), directory)
    return {"transactions": stored, "rounds": len(rows),
            **{name: statistics.median(row[name] for row in rows) for name in rows[0]},
            "shares": sorted(row["share"] for row in rows)}


def fill(node, count):
    for begin in range(0, count, LOAD):
        part = min(LOAD, count - begin)
        devices = max(1, min(MOST_DEVICES, 2 * part // QUOTA))
        fleet.report(node.load(devices, part, "--batch", str(BATCH), "--presign"), part)


def two_threads(signing):
    text = run([signing, "--bench"])
    found = re.search(r"^verifications/s, two threads: +(\d+)", text, re.MULTILINE)
    if found is None:
        sys.exit(f"{signing} printed no verifications:\n{text}")
    return float(found[1])


def catch_up(full, empty, stored, verified):
    cpu, begun = full.cpu_seconds(), time.monotonic()
    empty.start()
    fleet.wait("the empty node is ready", empty.is_ready, LOOK_S)
    fleet.wait("the empty node has caught up", lambda: empty.stored() >= stored, LOOK_S)
    seconds = time.monotonic() - begun
    rate = stored / seconds
    return {
        "seconds": seconds,
        "per_second": rate,
        "verified_per_second": verified,
        "share": rate / verified,
        "full_cpu_us": (full.cpu_seconds() - cpu) / stored * 1e6,
        "empty_cpu_us": empty.cpu_seconds() / stored * 1e6,
    }


def table(report):
    shares = ", ".join(f"{share:.2f}" for share in report["shares"])
    return "\n".join([
        f"medians of {report['rounds']}: {report['transactions']} transactions, {os.cpu_count()} cores for both nodes",
        f"{'caught up/s':>12}{'verified/s':>12}{'share':>7}{'seconds':>9}{'full cpu us':>13}{'empty cpu us':>14}",
        f"{report['per_second']:12.0f}{report['verified_per_second']:12.0f}{report['share']:7.2f}"
        f"{report['seconds']:9.2f}{report['full_cpu_us']:13.1f}{report['empty_cpu_us']:14.1f}",
        f"shares: {shares}",
    ])


if __name__ == "__main__":
    main()
