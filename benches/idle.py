#!/usr/bin/env python3
"""What a node costs that has peers and nothing to do.

    python3 benches/idle.py            nine nodes, a minute of rest
    python3 benches/idle.py --quick    three nodes, two seconds, to see that it runs
    python3 benches/idle.py --json     the same as one JSON object

Each node is connected with every other one. They are given some readings, so that logs and trees are as in a ward at
night; then nothing comes for a while, and after that each node's processor time and the bytes that it writes on QUIC
streams are taken over the time of rest. QUIC's own packets that keep connections alive are not on streams; they are in the
processor time.
"""

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time

import fleet
from peers import find_weft

READINGS = 40
DEVICES = 4
# Acknowledgements and cursors of the readings, and the scrub's first pass, are over by then.
CALM_S = 10


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="weft-idle-", dir=arguments.directory) as place:
        report = measure(find_weft(arguments.weft), place, arguments)
    print(json.dumps(report) if arguments.json else table(report))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=9, help="how many nodes")
    parser.add_argument("--seconds", type=int, default=60, help="how long they rest")
    parser.add_argument("--quick", action="store_true", help="three nodes for two seconds")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--weft", metavar="FILE", help="the weft binary to measure")
    parser.add_argument("--directory", metavar="DIR", help="where the temporary data lies")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.nodes, arguments.seconds = 3, 2
    return arguments


def measure(weft, place, arguments):
    with fleet.Fleet(weft, place, arguments.nodes) as ward:
        ward.start()
        ward.connect()
        for load in [node.load(DEVICES, READINGS) for node in ward.nodes]:
            fleet.report(load, READINGS)
        ward.settle(arguments.nodes * (DEVICES + READINGS))
        time.sleep(1 if arguments.quick else CALM_S)
        # What looking at the metrics costs is before the first and behind the second look at the processor time.
        bytes_before = list(map(streamed, ward.figures()))
        cpu, begun = ward.cpu_seconds(), time.monotonic()
        time.sleep(arguments.seconds)
        lasted = time.monotonic() - begun
        cores = [(after - before) / lasted for after, before in zip(ward.cpu_seconds(), cpu)]
        written = [(after - before) / lasted
                   for after, before in zip(map(streamed, ward.figures()), bytes_before)]
    return {"peers": arguments.nodes - 1, "seconds": lasted, "cores_median": statistics.median(cores),
            "cores_most": max(cores), "bytes_per_second_median": statistics.median(written),
            "bytes_per_second_most": max(written)}


def streamed(figures):
    return fleet.sum_of([figures], "weft_gossip_bytes_total", direction="sent")


def table(report):
    return "\n".join([
        f"nodes with {report['peers']} peers each, at rest for {report['seconds']:.0f} s",
        f"{'':8}{'cores':>9}{'bytes/s':>9}",
        f"{'median':8}{report['cores_median']:9.4f}{report['bytes_per_second_median']:9.1f}",
        f"{'most':8}{report['cores_most']:9.4f}{report['bytes_per_second_most']:9.1f}",
    ])


if __name__ == "__main__":
    main()
