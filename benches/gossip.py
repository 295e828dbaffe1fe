#!/usr/bin/env python3
"""How fast and how cheaply a transaction comes to all nodes, beside libp2p's gossipsub over QUIC on the same messages.

    python3 benches/gossip.py                                      8 and 16 nodes at 50 and 1,000 a second, some five minutes
    python3 benches/gossip.py --nodes 8 --rate 1000 --rounds 5     one of these cases, five times: medians
    python3 benches/gossip.py --no-finality                        the same without witnesses: what gossip alone does
    python3 benches/gossip.py --quick                              three nodes for two seconds, to see that it runs
    python3 benches/gossip.py --json                               the same as one JSON object

For both: one process a node, all on loopback, each connected with every other; messages of 2.8 KB, spread evenly over the
nodes; one clock. In each round Weft comes first and gossipsub, as it comes from the crate `libp2p`, right after it.

    sent / body   bytes that the nodes wrote on QUIC streams while the load lasted, repairs, logs and announcements
                  included, over the bytes of the messages that came to nodes which did not have them. Weft: of readings and of
                  the committee's witnesses, which go the same way
    at all        from acceptance at one node until the last node had it. Weft: from the moment its first node has checked
                  and attached it, before it is pushed, to when the last has checked and attached it (verified), to when the
                  last has it on disk (durable), as the nodes recorded it (`spec/13-metrics.md`). gossipsub: from the call
                  that publishes to the last delivery; it checks nothing, stores nothing, signs nothing. Of what clients sent;
                  of witnesses, which are sent once they are on their own disk, --json has the times too
    cores         processor time of all nodes together, a second of load. The load of Weft, HTTP clients that are on the same
                  cores, stands beside it; gossipsub publishes by itself

With finality, as nodes run, the witnesses of all members go the same way and share the cores; with --no-finality so many members
are absent that nobody makes any, and readings are all that moves, as with gossipsub.

At 100 a second and more Weft's load is signed beforehand, or signing would be most of what is measured. Only what was
accepted while all loads ran counts for the times.
"""

import argparse
import itertools
import json
import os
import random
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import fleet
from peers import find_weft, note, ticks_of

DEVICES = 8
PRESIGN_FROM = 100
# A record of a file of stages.
RECORD = struct.Struct(">QB40s")
ATTACHED, DURABLE = 1, 2
# Its first heartbeat comes after five seconds; then its mesh stands.
GOSSIPSUB_SETTLES_S = 6.5
DRAIN_S = 2
# Transactions whose length is looked at.
SAMPLE = 100


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    weft, gossipsub = find_weft(arguments.weft), find_gossipsub()
    rows = []
    for nodes in arguments.nodes:
        for rate in arguments.rate:
            rounds = []
            for number in range(arguments.rounds):
                note(f"{nodes} nodes, {rate} a second, round {number + 1}")
                rounds.append(measure(weft, gossipsub, nodes, rate, arguments))
            rows.append({"nodes": nodes, "rate": rate,
                         **{side: medians([one[side] for one in rounds]) for side in rounds[0]}})
    print(json.dumps({"rounds": arguments.rounds, "seconds": arguments.seconds, "rows": rows}) if arguments.json
          else table(rows, arguments))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 16], help="how many nodes")
    parser.add_argument("--rate", type=int, nargs="+", default=[50, 1000], help="messages a second over all nodes")
    parser.add_argument("--rounds", type=int, default=1, help="how often; medians are told")
    parser.add_argument("--seconds", type=int, default=15, help="how long each load lasts")
    parser.add_argument("--no-finality", action="store_true", help="with so many absent members that none makes a witness")
    parser.add_argument("--quick", action="store_true", help="three nodes for two seconds")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--weft", metavar="FILE", help="the weft binary to measure")
    parser.add_argument("--directory", metavar="DIR", help="where the temporary data lies")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.nodes, arguments.rate, arguments.rounds, arguments.seconds = [3], [100], 1, 2
    return arguments


def find_gossipsub():
    """Builds the other side, which is a package of its own."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target"))
    manifest = os.path.join(root, "benches", "gossipsub", "Cargo.toml")
    subprocess.run(["cargo", "build", "--release", "--locked", "--manifest-path", manifest, "--target-dir", target],
                   check=True, cwd=root, stdout=sys.stderr)
    return os.path.join(target, "release", "weft-gossipsub")


def measure(weft, gossipsub, nodes, rate, arguments):
    with tempfile.TemporaryDirectory(prefix="weft-gossip-", dir=arguments.directory) as place:
        absent = fleet.no_quorum(nodes) if arguments.no_finality else 0
        ours = measure_weft(weft, place, nodes, rate, arguments.seconds, absent)
        note(f"  weft {ours}")
    with tempfile.TemporaryDirectory(prefix="weft-gossip-", dir=arguments.directory) as place:
        theirs = measure_gossipsub(gossipsub, place, nodes, rate, arguments.seconds, round(ours["bytes"]))
        note(f"  gossipsub {theirs}")
    return {"weft": ours, "gossipsub": theirs}


def measure_weft(weft, place, nodes, rate, seconds, absent=0):
    count = max(1, rate * seconds // nodes)
    with fleet.Fleet(weft, place, nodes, stages=True, absent=absent) as ward:
        ward.start()
        ward.connect()
        # The devices enrol in a load of one transaction each, so that enrolments are not counted.
        for load in [node.load(DEVICES, DEVICES) for node in ward.nodes]:
            fleet.report(load, DEVICES)
        ward.settle(2 * DEVICES * nodes)
        time.sleep(1)
        begun, before, cpu = time.time_ns(), ward.figures(), sum(ward.cpu_seconds())
        options = ["--rate", str(rate / nodes), *(["--presign"] if rate >= PRESIGN_FROM else [])]
        ids = [os.path.join(place, f"ids-{node.number}") for node in ward.nodes]
        loads = [node.load(DEVICES, count, *options, "--ids", path) for node, path in zip(ward.nodes, ids)]
        reports = [fleet.report(load, count) for load in loads]
        cpu = sum(ward.cpu_seconds()) - cpu
        ward.settle((2 * DEVICES + count) * nodes)
        # Announcements and acknowledgements of the last of them are part of what they cost.
        time.sleep(1)
        after = ward.figures()
        sent_by_clients = [read_ids(path) for path in ids]
        size = mean_wire_bytes(ward.nodes[0], sent_by_clients[0])
    lasting = statistics.mean(report["seconds"] for report in reports)
    figures = Counted(before, after)
    delivered = figures.of("weft_gossip_transactions_total", what="delivered")
    # Each witness comes to all others; the rest are readings.
    witnesses = (nodes - 1) * figures.of("weft_finality_own_witnesses_total")
    bodies = (delivered - witnesses) * size + (nodes - 1) * figures.of("weft_finality_own_witness_bytes_total")
    sent = {name: figures.of("weft_gossip_bytes_total", direction="sent", **{"class": name})
            for name in ("live", "bulk", "control")}
    return {
        "bytes": size,
        "accepted_per_second": sum(report["accepted"] / report["seconds"] for report in reports),
        "sent_per_body": sum(sent.values()) / bodies,
        **{f"{name}_per_body": value / bodies for name, value in sent.items()},
        "witnesses": witnesses / delivered,
        "duplicates": figures.of("weft_gossip_transactions_total", what="duplicate") / delivered,
        **times_of_both([read_records(node.stages, begun) for node in ward.nodes],
                        set(map(fleet.id_bytes, itertools.chain(*sent_by_clients)))),
        "commits_per_transaction": figures.of("weft_commit_transactions_count") / (nodes * count * nodes),
        "cores": cpu / lasting,
        "load_cores": sum(report["client_cpu_seconds"] for report in reports) / lasting,
        "answer_p99_ms": max(report["latency_ms"]["p99"] for report in reports),
    }


class Counted:
    """What metrics of all nodes grew by."""

    def __init__(self, before, after):
        self.before, self.after = before, after

    def of(self, name, **labels):
        return fleet.sum_of(self.after, name, **labels) - fleet.sum_of(self.before, name, **labels)


def read_ids(path):
    """The ids that a load got an answer for, as text."""
    with open(path, encoding="utf-8") as lines:
        return lines.read().split()


def mean_wire_bytes(node, ids):
    """The mean length of some transactions, fetched in wire form."""
    return statistics.mean(map(node.wire_bytes, random.Random(0).choices(ids, k=SAMPLE)))


def read_records(path, since):
    """The times at which transactions were attached and durable, by id, of those not older than `since`."""
    stages = {ATTACHED: {}, DURABLE: {}}
    with open(path, "rb") as file:
        for when, stage, name in RECORD.iter_unpack(file.read()):
            if when >= since and stage in stages:
                stages[stage].setdefault(name, when)
    return stages


def times_of_both(records, sent_by_clients):
    """The times of what clients sent, and under names of their own those of witnesses."""
    def part(is_sent):
        return [{stage: {name: when for name, when in whens.items() if (name in sent_by_clients) == is_sent}
                 for stage, whens in stages.items()} for stages in records]

    names = ("verified", "durable")
    of_witnesses = times(part(False), names) if all(stages[ATTACHED] for stages in part(False)) else {}
    return times(part(True), names) | {f"witness_{name}": value for name, value in of_witnesses.items()}


def times(records, names):
    """p50 and p99, in milliseconds, from the first node's record of a transaction to the last node's, by stage."""
    accepted = {}
    for number, stages in enumerate(records):
        for name, when in stages[ATTACHED].items():
            if name not in accepted or when < accepted[name][0]:
                accepted[name] = (when, number)
    entries = [[when for when, entry in accepted.values() if entry == number] for number in range(len(records))]
    if not all(entries):
        sys.exit("a node accepted nothing")
    begin, end = max(map(min, entries)), min(map(max, entries))
    found = {}
    for name, stage in zip(names, (ATTACHED, DURABLE)):
        reached = ([stages[stage].get(one) for stages in records] + [when]
                   for one, (when, _) in accepted.items() if begin <= when <= end)
        late = [None if None in whens else (max(whens) - whens[-1]) / 1e6 for whens in reached]
        lost, late = late.count(None), sorted(time for time in late if time is not None)
        found |= {"times_of": len(late), "lost": lost,
                  **{f"{name}_p{share}_ms": fleet.percentile(late, share) for share in (50, 99)}}
    return found


def measure_gossipsub(program, place, nodes, rate, seconds, size):
    first = fleet.free_ports(nodes)
    ports = ",".join(str(first + fleet.PORT_STEP * number + 1) for number in range(nodes))
    files = [os.path.join(place, f"records-{number}") for number in range(nodes)]
    started = []
    try:
        for number, file in enumerate(files):
            started.append(subprocess.Popen([program, str(number), ports, file], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True, bufsize=1))
            hear(started[-1], "listening")
        for process in started:
            hear(process, "ready")
        time.sleep(GOSSIPSUB_SETTLES_S)
        before, cpu, begun = list(map(count, started)), cpu_of(started), time.time_ns()
        for process in started:
            process.stdin.write(f"go {begun + 500_000_000} {rate} {seconds} {size}\n")
        time.sleep(0.5 + seconds + DRAIN_S)
        cpu = cpu_of(started) - cpu
        after = list(map(count, started))
        for process in started:
            process.stdin.close()
            process.wait(fleet.PATIENCE_S)
    finally:
        for process in started:
            process.kill()
            process.wait()
    grown = {name: sum(one[name] for one in after) - sum(one[name] for one in before) for name in after[0]}
    return {
        "published_per_second": grown["published"] / seconds,
        "failed": grown["failed"],
        "sent_per_body": grown["sent"] / (grown["delivered"] * size),
        **times([read_records(file, begun) for file in files], ("received",)),
        "cores": cpu / seconds,
    }


def hear(process, word):
    line = process.stdout.readline().strip()
    if line != word:
        sys.exit(f"a node of gossipsub said {line!r} instead of {word!r}")


def count(process):
    process.stdin.write("count\n")
    return json.loads(process.stdout.readline())


def cpu_of(processes):
    return sum(ticks_of(process.pid) for process in processes) / fleet.TICKS


def medians(rounds):
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def table(rows, arguments):
    lines = [f"medians of {arguments.rounds}, {arguments.seconds} s of load each, {os.cpu_count()} cores for all nodes and "
             "the load; times in ms from acceptance to all nodes",
             f"{'':10}{'nodes':>6}{'asked/s':>9}{'taken/s':>9}{'sent/body':>11}{'verified p50':>14}{'p99':>8}"
             f"{'durable p50':>13}{'p99':>8}{'cores':>7}{'load':>6}"]
    for row in rows:
        ours, theirs = row["weft"], row["gossipsub"]
        lines.append(f"{'weft':10}{row['nodes']:6}{row['rate']:9}{ours['accepted_per_second']:9.0f}"
                     f"{ours['sent_per_body']:11.3f}{ours['verified_p50_ms']:14.2f}{ours['verified_p99_ms']:8.2f}"
                     f"{ours['durable_p50_ms']:13.2f}{ours['durable_p99_ms']:8.2f}{ours['cores']:7.2f}"
                     f"{ours['load_cores']:6.2f}")
        lines.append(f"{'gossipsub':10}{row['nodes']:6}{row['rate']:9}{theirs['published_per_second']:9.0f}"
                     f"{theirs['sent_per_body']:11.3f}{theirs['received_p50_ms']:14.2f}{theirs['received_p99_ms']:8.2f}"
                     f"{'':21}{theirs['cores']:7.2f}")
        lines.append(f"{'':10}weft / gossipsub: verified p99 {ours['verified_p99_ms'] / theirs['received_p99_ms']:.2f}, "
                     f"sent {ours['sent_per_body'] / theirs['sent_per_body']:.2f}")
        # Their times are of what came to all.
        lost = [f"{name} {side['lost']:.0f} of {side['times_of'] + side['lost']:.0f}"
                for name, side in (("weft", ours), ("gossipsub", theirs)) if side["lost"]]
        if lost:
            lines.append(f"{'':10}never came to all: {', '.join(lost)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
