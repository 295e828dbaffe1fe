#!/usr/bin/env python3
"""Finality in virtual time: how long a reading takes to be final, what witnesses cost, and whether that grows.

    python3 benches/finality_simulated.py            all cases, one run each
    python3 benches/finality_simulated.py --quick    one short case of each table, to see that it runs
    python3 benches/finality_simulated.py --json     the same figures as one JSON object
    python3 benches/finality_simulated.py --keep DIR also keeps each case's scenario, report and charts there

Four tables. The first has four members on links of 25 ms, all there and one of them crashed, at the pace of production and at
none: without a pace, on machines that take no time, a witness is made as soon as the rule allows, so the time to final is message
delays alone. The second has
committees of 4 to 50 at one rate of readings; the third four members at more readings; the fourth the same network for longer
and longer, so that its ledger grows. A time to final is from the word that a reading is taken to the commit on disk, at the
node that took it. Everything but what is marked with a star follows from scenario and seed and is the same on every machine.

Needs `weft` in a release build, which is made when it is missing (--weft names another one).
"""

import json
import os
import subprocess

from capacity import report
from peers import note

# Sensors are so many that each sends once in this many seconds.
PAUSE_S = 20
# Machines that check, sign and store in no time.
AT_ONCE = "check_ms = 0\ncommit_ms = 0"
COLUMNS = [("members", "nodes"), ("of them down", "down"), ("fastest ms", "fastest_ms"), ("s", "seconds_measured"),
           ("readings/s", "readings_a_second"),
           ("final p50 ms", "final_p50_ms"), ("p99", "final_p99_ms"), ("p50 in ways", "final_p50_ways"),
           ("rounds/s", "witnesses_a_member_second"), ("commits/s", "commits_a_second"),
           ("witness kB/s a node", "witness_kilobytes_a_node_second"), ("kB/s a node", "kilobytes_a_node_second"),
           ("us/event *", "microseconds_an_event"), ("us/tx/node *", "microseconds_a_transaction_and_node")]


def main():
    report(__doc__, COLUMNS, all_tables, quick_tables, measure)


def all_tables():
    pace = {"fastest": 50, "slowest": 500}
    none = {"fastest": 1, "slowest": 1, "machines": AT_ONCE}
    return {"message delays": [dict(members=4, rate=100, down=down, **each) for each in (none, pace) for down in (0, 1)],
            "larger committees": [dict(members=members, rate=20, **pace) for members in (4, 10, 20, 50)],
            "a higher rate": [dict(members=4, rate=rate, **pace) for rate in (1, 10, 100, 1000)],
            "a larger ledger": [dict(members=4, rate=100, seconds=seconds, **pace) for seconds in (40, 160, 640)]}


def quick_tables():
    return {title: [dict(cases[0], seconds=4)] for title, cases in all_tables().items()}


def measure(weft, directory, members, rate, fastest, slowest, machines="", down=0, seconds=40):
    """One case's figures."""
    name = f"{members}-members-{down}-down-{rate}-a-second-{fastest}-ms-{seconds}-s"
    note(name)
    place = os.path.join(directory, name)
    os.makedirs(place, exist_ok=True)
    scenario = os.path.join(place, "scenario.toml")
    # Sensors keep away from a node that is down; who had one there goes to another after the first try.
    crashes = "".join(f'\n[[fault]]\nat_s = 0\nfor_s = {seconds}\nkind = "crash"\nnode = {node}\n' for node in range(down))
    with open(scenario, "w", encoding="utf-8") as file:
        file.write(f'''name = "{name}"
seed = 1
nodes = {members}
duration_s = {seconds}

[links]
delay_ms = 25
jitter_ms = 0

[machines]
backup_s = 0
{machines}

[sensors]
count = {rate * PAUSE_S}
think_s = [0.1, 2]
pause_s = [{PAUSE_S * 0.9 - 1:g}, {PAUSE_S * 1.1 - 1:g}]
enrol = false

[members]
count = {members}
fastest_ms = {fastest}
slowest_ms = {slowest}
{crashes}''')
    output = subprocess.run([weft, "simulate", scenario, "--report", place, "--json"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    figures = json.loads(output)
    witnesses = figures["witnesses_a_member_second"] * members
    figures["witnesses_a_member_second"] = witnesses / (members - down)
    figures.update(down=down, fastest_ms=fastest)
    figures["readings_a_second"] = figures["transactions_a_second"] - witnesses
    figures["kilobytes_a_node_second"] = figures["bytes_a_node_second"] / 1000
    figures["witness_kilobytes_a_node_second"] = figures["witness_bytes_a_node_second"] / 1000
    return figures


if __name__ == "__main__":
    main()
