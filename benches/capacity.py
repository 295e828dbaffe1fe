#!/usr/bin/env python3
"""Networks of 10, 100 and 1,000 nodes in virtual time: what they cost to simulate, and what gossip costs in them.

    python3 benches/capacity.py            all cases, one run each
    python3 benches/capacity.py --quick    10 and 30 nodes for a few seconds, to see that it runs
    python3 benches/capacity.py --json     the same figures as one JSON object
    python3 benches/capacity.py --keep DIR also keeps each case's scenario, report and charts there

Three tables. The first has more nodes at one rate for the whole network, eight links a node; the second a rate that
grows, with 100 nodes; the third more links a node, with 100 nodes. Everything in virtual time follows from scenario and
seed and is the same on every machine: how fast transactions spread, copies too many, bytes. What the machine has a part
in is marked with a star: simulated seconds a second, events a second, microseconds for one transaction at one node, and
resident memory a node, which is what the process has grown by, shared out, transactions and sensors included.

One case at a time, each in a process of its own. Needs `weft` in a release build, which is made when it is missing
(--weft names another one).
"""

import argparse
import json
import os
import subprocess
import tempfile

from peers import find_weft, note

# Sensors are so many that each sends once in this many seconds.
PAUSE_S = 100
LINKS = 8
COLUMNS = [("nodes", "nodes"), ("links", "links_of_a_node"), ("tx/s", "transactions_a_second"),
           ("each p50 ms", "to_each_node_p50_ms"), ("p99", "to_each_node_p99_ms"),
           ("all p50 ms", "to_all_nodes_p50_ms"), ("p99", "to_all_nodes_p99_ms"),
           ("dup/body", "duplicates_a_body"), ("bytes/byte", "bytes_a_body_byte"),
           ("kB/s a node", "kilobytes_a_node_second"), ("messages/s", "messages_a_node_second"),
           ("sim s/s *", "simulated_seconds_a_second"), ("events/s *", "events_a_second"),
           ("us/tx/node *", "microseconds_a_transaction_and_node"), ("KiB a node *", "resident_kibibytes_a_node")]


def main():
    report(__doc__, COLUMNS, all_tables, quick_tables, measure)


def report(description, columns, all_tables, quick_tables, measure):
    """Runs the cases of a benchmark in virtual time and prints their tables: of each title the arguments of `measure`."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and short cases, to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--keep", metavar="DIR", help="where scenarios, reports and charts are to stay")
    parser.add_argument("--weft", metavar="FILE", help="the weft binary to measure")
    arguments = parser.parse_args()
    weft = find_weft(arguments.weft)
    results = {}
    with tempfile.TemporaryDirectory(prefix="weft-virtual-") as temporary:
        directory = arguments.keep or temporary
        for title, cases in (quick_tables() if arguments.quick else all_tables()).items():
            results[title] = [measure(weft, directory, **case) for case in cases]
            if not arguments.json:
                show(title, columns, results[title])
    if arguments.json:
        print(json.dumps(results))


def show(title, columns, rows):
    """One table, as soon as it is there, for the next may take minutes."""
    print(f"{title}\n")
    print("| " + " | ".join(name for name, _ in columns) + " |")
    print("|" + " --- |" * len(columns))
    for row in rows:
        print("| " + " | ".join(written(row.get(key)) for _, key in columns) + " |")
    print(flush=True)


def all_tables():
    return {"more nodes": [case(nodes, 25, LINKS, seconds) for nodes, seconds in ((10, 40), (100, 40), (1000, 20))],
            "a higher rate": [case(100, rate, LINKS, 20) for rate in (25, 100, 400)],
            "more links": [case(100, 50, links, 20) for links in (3, 8, 16, 32)]}


def quick_tables():
    return {"more nodes": [case(10, 20, LINKS, 4), case(30, 20, LINKS, 4)]}


def case(nodes, rate, links, seconds):
    return {"nodes": nodes, "rate": rate, "links": links, "seconds": seconds}


def measure(weft, directory, nodes, rate, links, seconds):
    """One case's figures; nodes beyond ten times the links are a sparse mesh, ten nodes all know each other."""
    name = f"{nodes}-nodes-{rate}-a-second-{links}-links-{seconds}-s"
    note(name)
    place = os.path.join(directory, name)
    os.makedirs(place, exist_ok=True)
    scenario = os.path.join(place, "scenario.toml")
    topology = "full" if nodes <= links + 2 else "random"
    with open(scenario, "w", encoding="utf-8") as file:
        file.write(f'''name = "{name}"
seed = 1
nodes = {nodes}
topology = "{topology}"
neighbours = {links}
duration_s = {seconds}

[links]
delay_ms = [1, 15]
jitter_ms = 2

[machines]
backup_s = 0

[sensors]
count = {rate * PAUSE_S}
think_s = [0.1, 2]
pause_s = [{PAUSE_S * 0.9:g}, {PAUSE_S * 1.1:g}]
enrol = false
''')
    output = subprocess.run([weft, "simulate", scenario, "--report", place, "--json"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    figures = json.loads(output)
    figures["links_of_a_node"] = 2 * figures["links"] / figures["nodes"]
    figures["kilobytes_a_node_second"] = figures["bytes_a_node_second"] / 1000
    resident = figures.get("resident_bytes_a_node")
    figures["resident_kibibytes_a_node"] = resident and resident / 1024
    return figures


def written(number):
    if number is None:
        return "-"
    if isinstance(number, int):
        return f"{number:,}"
    for bound, digits in ((100, 0), (10, 1), (1, 2)):
        if number >= bound:
            return f"{number:,.{digits}f}"
    return f"{number:.3f}"


if __name__ == "__main__":
    main()
