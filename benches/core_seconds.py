#!/usr/bin/env python3
"""What a transaction costs the node's processor, held against the one thing that cannot be saved: its signature's check.

    python3 benches/core_seconds.py            medians of five rounds, some five minutes
    python3 benches/core_seconds.py --quick    one tiny round, to see that it runs
    python3 benches/core_seconds.py --json     the same table as one JSON object

A core-second is a second of one core's work. The share is

    transactions that were accepted and are on disk, per core-second of the node process (user and system, read from /proc)
    / signatures verified per core-second, with all cores at it (`cargo bench -p weft-tangle --bench signing`)

Both are measured in each round, one after the other, and in both all cores are busy: two that are halves of one do less each
than one alone, and whether they are is for the machine's owner to say. The check of one core while the others rest is
printed beside it, with the share that this would give. The load is another process, `weft sensor load --presign` with 64
devices, a connection each; the devices have enrolled before. Nothing else should run: two processes that share a core
cost each other caches, and a loaded machine changes how much queues for a commit.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import peers

ROUNDS = 5
CLIENTS = 64
# Transactions in a request, and in one measurement: some seconds of the node's work each.
COUNTS = {1: 38400, 50: 64000}


def main():
    arguments = parse()
    weft = peers.find_weft(arguments.weft)
    signing = find_signing_bench()
    rows = {batch: [] for batch in COUNTS}
    with tempfile.TemporaryDirectory(prefix="weft-core-seconds-", dir=arguments.directory) as directory:
        for number in range(1 if arguments.quick else ROUNDS):
            peers.note(f"round {number + 1}")
            check_us = verifications(signing)
            for batch, count in COUNTS.items():
                count = CLIENTS * batch if arguments.quick else count
                place = os.path.join(directory, "one")
                rate, _, _, node_us = peers.measure_weft(weft, place, CLIENTS, count, batch)
                rows[batch].append((rate, *check_us, node_us, *(one / node_us for one in check_us)))
                shutil.rmtree(place)
    show({batch: [statistics.median(column) for column in zip(*found)] for batch, found in rows.items()},
         len(rows[1]), arguments.json)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one tiny round")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--weft", metavar="FILE", help="the weft binary to measure")
    parser.add_argument("--directory", metavar="DIR", help="where the temporary data lies")
    return parser.parse_args()


def find_signing_bench():
    """Builds the benchmark and gives its path, so that no round pays for cargo."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    command = ["cargo", "bench", "--locked", "-p", "weft-tangle", "--bench", "signing", "--no-run",
               "--message-format=json"]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    built = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    paths = [found["executable"] for found in built
             if found.get("executable") and found.get("target", {}).get("name") == "signing"]
    return paths[-1]


def verifications(signing):
    """Microseconds of a core for one check: with all cores at it, and with one."""
    text = peers.run([signing, "--bench"])
    found = [re.search(rf"^verifications/s, {threads}: +(\d+)", text, re.MULTILINE)
             for threads in ("two threads", "one thread")]
    if None in found:
        sys.exit(f"{signing} printed no verifications:\n{text}")
    return 2e6 / float(found[0][1]), 1e6 / float(found[1][1])


def show(medians, rounds, as_json):
    names = ("per_second", "verify_us", "verify_alone_us", "node_us", "share", "share_alone")
    if as_json:
        rows = [{"clients": CLIENTS, "batch": batch, **dict(zip(names, values))} for batch, values in medians.items()]
        print(json.dumps({"rounds": rounds, "rows": rows}))
        return
    print(f"medians of {rounds}, {CLIENTS} clients, {os.cpu_count()} cores shared with the load")
    print(f"{'a request':>9}{'accepted/s':>12}{'verify us':>11}{'alone':>7}{'node us':>9}{'share':>7}{'alone':>7}")
    for batch, (rate, verify_us, alone_us, node_us, share, share_alone) in medians.items():
        print(f"{batch:9}{rate:12.0f}{verify_us:11.1f}{alone_us:7.1f}{node_us:9.1f}{share:7.2f}{share_alone:7.2f}")


if __name__ == "__main__":
    main()
