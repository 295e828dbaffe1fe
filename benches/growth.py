#!/usr/bin/env python3
"""What a node needs as its ledger grows: memory, disk, speed, and the time until it serves again after kill -9.

    python3 benches/growth.py                     a million transactions, ten parts, about eighteen minutes on two cores
    python3 benches/growth.py --count 200000      fewer
    python3 benches/growth.py --quick             ten tiny parts, to see that it runs
    python3 benches/growth.py --json              the same as one JSON object

One node is given the same load in ten parts: `weft sensor load --presign`, requests of 50 (--batch says otherwise), by
devices that keep their keys. After each part the table says what was accepted a second, the node's processor time for
each, its resident memory, and the disk blocks that its database takes for each byte of wire form: of what the devices have
sent, and of that and the node's own witnesses, which are transactions like any other. Then it takes three more parts, in
turns with the first part of three new nodes, for in a quarter of an hour a machine that is shared changes more than a node. In the
end the node is killed under load with SIGKILL and started again: the last line says how long it took from exec until /readyz answered
200, each of five times.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from peers import STEP_TIMEOUT_S, Server, find_weft, free_port, note

PARTS = 10
RESTARTS = 5
TURNS = 3
SAMPLE = 200
# A device that stays within its quota of 600 an epoch pays no extra work; 512 take a part of 100,000 that way.
DEVICES = 512


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    weft = find_weft(arguments.weft)
    place = tempfile.mkdtemp(prefix="weft-growth-", dir=arguments.directory)
    try:
        report = measure(weft, place, arguments)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(json.dumps(report) if arguments.json else table(report))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="transactions in all")
    parser.add_argument("--batch", type=int, default=50, help="transactions in one request")
    parser.add_argument("--devices", type=int, default=DEVICES, help="devices, each with a connection of its own")
    parser.add_argument("--quick", action="store_true", help="ten tiny parts")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--weft", metavar="FILE", help="the weft binary to measure")
    parser.add_argument("--directory", metavar="DIR", help="where the temporary data lies")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.devices = 1_000, 8
    return arguments


class Node:
    """A node on the same data and port through all its lives."""

    def __init__(self, weft, place):
        self.place, self.port = place, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [weft, "node", "--data", os.path.join(place, "node"), "--api-listen", f"127.0.0.1:{self.port}"]
        self.load = [weft, "sensor", "load", "--api", self.url, "--data", os.path.join(place, "keys")]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *what):
        self.server.__exit__(*what)

    def start(self):
        """The seconds from exec until the node was ready."""
        begin = time.monotonic()
        self.server = Server(self.command, os.path.join(self.place, "log"))
        while not self.is_ready():
            if self.server.process.poll() is not None or time.monotonic() - begin > STEP_TIMEOUT_S:
                with open(self.server.log, encoding="utf-8", errors="replace") as log:
                    sys.exit(f"the node did not start:\n{log.read()[-2000:]}")
            time.sleep(0.002)
        return time.monotonic() - begin

    def is_ready(self):
        try:
            return self.get("/readyz").status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def get(self, path, **headers):
        return urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=10)

    def disk_bytes(self):
        return os.stat(os.path.join(self.place, "node", "weft.redb")).st_blocks * 512

    def own_witness_bytes(self):
        """Bytes of wire form of the witnesses that this life of the node has made."""
        metrics = self.get("/metrics").read().decode()
        return float(re.search(r"^weft_finality_own_witness_bytes_total (\S+)$", metrics, re.MULTILINE)[1])

    def mean_wire_bytes(self, ids):
        """The mean length of some transactions, fetched in wire form."""
        with open(ids, encoding="utf-8") as lines:
            chosen = random.Random(0).choices(lines.read().split(), k=SAMPLE)
        lengths = (len(self.get(f"/api/v1/transactions/{one}", Accept="application/octet-stream").read())
                   for one in chosen)
        return statistics.mean(lengths)


def measure(weft, place, arguments):
    node, part = Node(weft, place), arguments.count // PARTS
    ids = os.path.join(place, "ids")
    devices = ["--devices", str(arguments.devices)]
    rows = []
    with node:
        server = node.server
        enrol(node, arguments)
        stored = 2 * arguments.devices
        for number in range(PARTS):
            cpu = server.cpu_seconds()
            report = take_part(node, arguments, *(["--ids", ids] if number == 0 else []))
            stored += part
            # Whatever frees memory a moment later has had its moment.
            time.sleep(1)
            if number == 0:
                wire = node.mean_wire_bytes(ids)
            rows.append({
                "transactions": stored,
                "accepted_per_second": part / report["seconds"],
                "node_cpu_us": (server.cpu_seconds() - cpu) / part * 1e6,
                "resident_mib": status(server.process.pid, "VmRSS") / 1024,
                "blocks_per_wire_byte": node.disk_bytes() / (stored * wire),
                "blocks_per_byte_of_all": node.disk_bytes() / (stored * wire + node.own_witness_bytes()),
            })
            note(f"{rows[-1]}")
        peak = status(server.process.pid, "VmHWM") / 1024
        turns = [in_turn(weft, node, arguments) for _ in range(TURNS)]
        ready = [kill_under_load(node, devices) for _ in range(RESTARTS)]
    return {"wire_bytes": wire, "batch": arguments.batch, "devices": arguments.devices, "parts": rows,
            "peak_resident_mib": peak, "turns": turns, "ready_seconds": ready}


def enrol(node, arguments):
    """The devices enrol in a load of one transaction each, so that enrolments are not counted."""
    load([*node.load, "--devices", str(arguments.devices), "--count", str(arguments.devices)])


def take_part(node, arguments, *more):
    part = arguments.count // PARTS
    report = load([*node.load, "--devices", str(arguments.devices), "--count", str(part), "--batch", str(arguments.batch),
                   "--presign", *more])
    if report["accepted"] != part:
        sys.exit(f"the node did not take all: {report}")
    return report


def in_turn(weft, node, arguments):
    """Transactions a second of a new node in its first part, and then of this one in a further part."""
    place = os.path.join(node.place, "new")
    os.mkdir(place)
    with Node(weft, place) as new:
        enrol(new, arguments)
        speeds = [take_part(one, arguments)["accepted_per_second"] for one in (new, node)]
    shutil.rmtree(place)
    note(f"in turns: {speeds}")
    return {"new": speeds[0], "this": speeds[1]}


def kill_under_load(node, devices):
    """Kills the node a second into a load and starts it anew: the seconds until it was ready."""
    with subprocess.Popen([*node.load, *devices, "--count", "1000000"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as running:
        time.sleep(1)
        node.server.process.kill()
        node.server.process.wait()
        running.kill()
    return node.start()


def load(command):
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the load failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def status(pid, field):
    """A figure of /proc/PID/status in KiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        return int(next(line for line in lines if line.startswith(field + ":")).split()[1])


def table(report):
    lines = [f"{report['devices']} connections, requests of {report['batch']}, {report['wire_bytes']:.0f} bytes each",
             f"{'stored':>10}{'accepted/s':>12}{'node cpu us':>13}{'resident MiB':>14}{'blocks/byte':>13}{'of all':>8}"]
    for row in report["parts"]:
        lines.append(f"{row['transactions']:10}{row['accepted_per_second']:12.0f}{row['node_cpu_us']:13.1f}"
                     f"{row['resident_mib']:14.0f}{row['blocks_per_wire_byte']:13.3f}{row['blocks_per_byte_of_all']:8.3f}")
    first, last = report["parts"][0], report["parts"][-1]
    lines.append(f"last part / first: accepted/s {last['accepted_per_second'] / first['accepted_per_second']:.2f}, "
                 f"cpu {last['node_cpu_us'] / first['node_cpu_us']:.2f}, "
                 f"resident {last['resident_mib'] / first['resident_mib']:.2f} (peak {report['peak_resident_mib']:.0f} MiB)")
    turns = statistics.median(turn["this"] / turn["new"] for turn in report["turns"])
    lines.append(f"a further part / the first of a new node, in turns: accepted/s {turns:.2f} (median of {TURNS})")
    ready = ", ".join(f"{seconds:.3f}" for seconds in sorted(report["ready_seconds"]))
    lines.append(f"ready after kill -9: {ready} s")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
