#!/usr/bin/env python3
"""How soon a reading is final, and what finality costs.

    python3 benches/finality.py                                   4 nodes at 100 and 1,000 a second, 1 and 10 at 100: some five minutes
    python3 benches/finality.py --nodes 4 --rate 1000 --rounds 5  one of these cases, five times: medians
    python3 benches/finality.py --quick                           four nodes for two seconds, to see that it runs
    python3 benches/finality.py --json                            the same as one JSON object

One process a node, all on loopback, all of the committee; the load is spread evenly over the nodes. Each case is measured twice,
one right after the other: as it is, and with the same nodes in a network that has so many more members, who never start, that
these are no quorum. Those make no witness and no commit and do all else, so the difference is what finality costs.

    final p50, p99   at the node that took a transaction, from when it is on disk there, right after which the client has
                     its 201, until a commit that is on disk has delivered it, as that node recorded both (`spec/13-metrics.md`)
    rounds/s         witnesses of one node a second
    bytes/s          bytes of these
    cores            processor time of all nodes together, a second of load: with finality, and without
    share            the part of it that finality is
    at rest          witnesses of all nodes, and their processor time, while nothing comes, after all has become final

At 100 a second and more the load is signed beforehand, or signing would be most of what is measured.
"""

import argparse
import json
import os
import signal
import statistics
import struct
import sys
import tempfile
import time

import fleet
from peers import find_weft, note

CASES = [(4, 100), (4, 1000), (1, 100), (10, 100)]
DEVICES = 8
PRESIGN_FROM = 100
# A record of a file of stages.
RECORD = struct.Struct(">QB40s")
DURABLE, FINAL = 2, 3
# Acknowledgements and cursors of the load are over by then.
CALM_S = 8


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    weft, rows = find_weft(arguments.weft), []
    for nodes, rate in arguments.cases:
        rounds = []
        for number in range(arguments.rounds):
            note(f"{nodes} nodes, {rate} a second, round {number + 1}")
            rounds.append(measure(weft, nodes, rate, arguments))
            note(f"  {rounds[-1]}")
        rows.append({"nodes": nodes, "rate": rate,
                     **{name: statistics.median(one[name] for one in rounds) for name in rounds[0]}})
    print(json.dumps({"rounds": arguments.rounds, "seconds": arguments.seconds, "rows": rows}) if arguments.json
          else table(rows, arguments))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="+", help="how many nodes")
    parser.add_argument("--rate", type=int, nargs="+", help="transactions a second over all nodes")
    parser.add_argument("--rounds", type=int, default=1, help="how often; medians are told")
    parser.add_argument("--seconds", type=int, default=15, help="how long each load lasts, and the rest")
    parser.add_argument("--quick", action="store_true", help="four nodes for two seconds")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--weft", metavar="FILE", help="the weft binary to measure")
    parser.add_argument("--directory", metavar="DIR", help="where the temporary data lies")
    arguments = parser.parse_args()
    arguments.cases = CASES
    if arguments.nodes or arguments.rate:
        arguments.cases = [(nodes, rate) for nodes in arguments.nodes or [4] for rate in arguments.rate or [100]]
    if arguments.quick:
        arguments.cases, arguments.rounds, arguments.seconds = [(4, 100)], 1, 2
    return arguments


def measure(weft, nodes, rate, arguments):
    figures = {}
    for absent in (0, fleet.no_quorum(nodes)):
        with tempfile.TemporaryDirectory(prefix="weft-finality-", dir=arguments.directory) as place:
            figures[absent > 0] = under_load(weft, place, nodes, absent, rate, arguments)
    final, plain = figures[False], figures[True]
    final["cores_without"] = plain["cores"]
    final["share"] = 1 - plain["cores"] / final["cores"]
    final["answer_p99_ms_without"] = plain["answer_p99_ms"]
    return final


def under_load(weft, place, nodes, absent, rate, arguments):
    seconds, makes_final = arguments.seconds, absent == 0
    count = max(1, rate * seconds // nodes)
    with fleet.Fleet(weft, place, nodes, stages=True, absent=absent) as ward:
        ward.start()
        ward.connect()
        # The devices enrol in a load of one transaction each, so that enrolments are not counted.
        for load in [node.load(DEVICES, DEVICES) for node in ward.nodes]:
            fleet.report(load, DEVICES)
        ward.settle(2 * DEVICES * nodes)
        if makes_final:
            await_final(ward)
        begun, before, cpu = time.time_ns(), ward.figures(), sum(ward.cpu_seconds())
        options = ["--rate", str(rate / nodes), *(["--presign"] if rate >= PRESIGN_FROM else [])]
        ids = [os.path.join(place, f"ids-{node.number}") for node in ward.nodes]
        loads = [node.load(DEVICES, count, *options, "--ids", path) for node, path in zip(ward.nodes, ids)]
        reports = [fleet.report(load, count) for load in loads]
        cpu = sum(ward.cpu_seconds()) - cpu
        after = ward.figures()
        ward.settle((2 * DEVICES + count) * nodes)
        lasting = statistics.mean(report["seconds"] for report in reports)
        found = {
            "accepted_per_second": sum(report["accepted"] / report["seconds"] for report in reports),
            "answer_p99_ms": max(report["latency_ms"]["p99"] for report in reports),
            "cores": cpu / lasting,
        }
        if makes_final:
            await_final(ward)
            found |= witnesses(before, after, lasting * nodes) | at_rest(ward, arguments)
            nodes_with_ids = list(zip(ward.nodes, ids))
    # The nodes have written down all once they have stopped.
    return found | times(nodes_with_ids, begun) if makes_final else found


def await_final(ward):
    """Waits until nothing is open, which figures show some tenths of a second later, and no witness comes any more."""
    seen = []

    def is_over():
        figures = ward.figures()
        seen.append([(one["weft_finality_open_transactions"], one["weft_finality_commit"], one["weft_finality_round"])
                     for one in figures])
        return len(seen) > 10 and all(at == seen[-1] for at in seen[-10:]) and not any(one[0] for one in seen[-1])

    fleet.wait("everything is final", is_over, 0.1)


def witnesses(before, after, node_seconds):
    grown = {name: fleet.sum_of(after, name) - fleet.sum_of(before, name)
             for name in ("weft_finality_own_witnesses_total", "weft_finality_own_witness_bytes_total")}
    return {"rounds_per_second": grown["weft_finality_own_witnesses_total"] / node_seconds,
            "witness_bytes_per_second": grown["weft_finality_own_witness_bytes_total"] / node_seconds}


def at_rest(ward, arguments):
    time.sleep(1 if arguments.quick else CALM_S)
    made, cpu, begun = fleet.sum_of(ward.figures(), "weft_finality_own_witnesses_total"), sum(ward.cpu_seconds()), time.monotonic()
    time.sleep(arguments.seconds)
    cores = (sum(ward.cpu_seconds()) - cpu) / (time.monotonic() - begun)
    return {"rest_witnesses": fleet.sum_of(ward.figures(), "weft_finality_own_witnesses_total") - made, "rest_cores": cores}


def read_records(path, since):
    """The times at which transactions were durable and final, by id, of those not older than `since`."""
    stages = {DURABLE: {}, FINAL: {}}
    with open(path, "rb") as file:
        for when, stage, name in RECORD.iter_unpack(file.read()):
            if when >= since and stage in stages:
                stages[stage].setdefault(name, when)
    return stages


def times(nodes, since):
    """p50 and p99, in milliseconds, from disk to final, each transaction at the node that took it."""
    late, lost = [], 0
    for node, ids in nodes:
        stages = read_records(node.stages, since)
        with open(ids, encoding="utf-8") as lines:
            names = [fleet.id_bytes(line.strip()) for line in lines]
        for name in names:
            durable, final = (stages[stage].get(name) for stage in (DURABLE, FINAL))
            if durable is None or final is None:
                lost += 1
            else:
                late.append((final - durable) / 1e6)
    late.sort()
    return {"times_of": len(late), "lost": lost,
            **{f"final_p{share}_ms": fleet.percentile(late, share) for share in (50, 99)}}


def table(rows, arguments):
    lines = [f"medians of {arguments.rounds}, {arguments.seconds} s of load each, {os.cpu_count()} cores for all nodes and "
             "the load",
             f"{'nodes':>5}{'asked/s':>9}{'taken/s':>9}{'final p50 ms':>14}{'p99':>9}{'rounds/s':>10}{'bytes/s':>9}"
             f"{'cores':>7}{'without':>9}{'share':>7}{'at rest':>9}{'cores':>8}"]
    for row in rows:
        lines.append(f"{row['nodes']:5}{row['rate']:9}{row['accepted_per_second']:9.0f}{row['final_p50_ms']:14.0f}"
                     f"{row['final_p99_ms']:9.0f}{row['rounds_per_second']:10.1f}{row['witness_bytes_per_second']:9.0f}"
                     f"{row['cores']:7.2f}{row['cores_without']:9.2f}{row['share']:7.1%}{row['rest_witnesses']:9.0f}"
                     f"{row['rest_cores']:8.4f}")
        if row["lost"]:
            lines.append(f"      never final: {row['lost']:.0f} of {row['times_of'] + row['lost']:.0f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
