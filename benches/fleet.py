"""Real nodes of one network on this machine, for the benchmarks of gossip: started, watched, loaded, stopped.

Each node is a process of its own with its data in a directory of its own, as `weft network new` makes it; all listen on
loopback. Nothing is left behind, however a measurement ends.
"""

import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from peers import Server, run, ticks_of

PATIENCE_S = 120
TICKS = os.sysconf("SC_CLK_TCK")
# From one node's ports to those of the next, as `weft network new` chooses them.
PORT_STEP = 10


class Fleet:
    """The nodes of a new network; with `stages` each records when transactions reach them. Of the committee `absent` more never
    start."""

    def __init__(self, weft, place, count, stages=False, absent=0):
        self.weft, self.place, self.stages = weft, place, stages
        self.directory = os.path.join(place, "network")
        text = run([weft, "network", "new", "--nodes", str(count + absent), "--out", self.directory, "--open", "--port",
                    str(free_ports(count + absent)), "--json"])
        self.nodes = [Node(self, number, made) for number, made in enumerate(json.loads(text)["nodes"][:count], 1)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # All are told at once, for each takes its time to stop.
        running = [node for node in self.nodes if node.server]
        for node in running:
            node.server.process.send_signal(signal.SIGINT)
        for node in running:
            node.await_end()

    def start(self, *numbers):
        """Starts nodes, all unless told which, and waits until they are ready."""
        chosen = [node for node in self.nodes if not numbers or node.number in numbers]
        for node in chosen:
            node.start()
        for node in chosen:
            node.server.wait_for(node.is_ready)

    def connect(self):
        """Waits until every node is connected with every other one and the logs are being read."""
        others = len(self.nodes) - 1
        connected = 'weft_gossip_peers{state="connected"}'
        joining = 'weft_gossip_links{link="joining"}'
        wait("the nodes are connected", lambda: all(
            figures[connected] == others and figures.get(joining, 0) == 0 for figures in self.figures()))

    def figures(self):
        return [node.figures() for node in self.nodes]

    def stored(self):
        return [node.stored() for node in self.nodes]

    def cpu_seconds(self):
        return [node.cpu_seconds() for node in self.nodes]

    def settle(self, count):
        """Waits until every node has stored exactly so many transactions."""
        wait(f"all nodes have {count}", lambda: all(stored == count for stored in self.stored()))


class Node:
    """One node: its addresses, its process, its figures."""

    def __init__(self, fleet, number, made):
        self.fleet, self.number, self.url, self.config = fleet, number, made["api"], made["config"]
        self.stages = os.path.join(fleet.place, f"stages-{number}")
        self.server = None

    def start(self):
        environment = dict(os.environ, **({"WEFT_LOG_STAGES": self.stages} if self.fleet.stages else {}))
        # What `weft` inherits of a person's shell must not change what is measured.
        environment.pop("WEFT_DATA", None)
        log = os.path.join(self.fleet.place, f"log-{self.number}")
        self.server = Server([self.fleet.weft, "node", "--config", self.config], log, environment=environment)

    def stop(self):
        self.server.process.send_signal(signal.SIGINT)
        self.await_end()

    def await_end(self):
        try:
            self.server.process.wait(30)
        except subprocess.TimeoutExpired:
            self.server.process.kill()
            self.server.process.wait()
        self.server = None

    def get(self, path, **headers):
        return urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=10)

    def is_ready(self):
        try:
            return self.get("/readyz").status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def figures(self):
        """The node's metrics, by name and labels as they are written."""
        lines = self.get("/metrics").read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}

    def stored(self):
        """How many transactions it has, the committee's witnesses left out."""
        figures = self.figures()
        return int(figures["weft_stored_transactions"] - figures["weft_stored_witnesses"])

    def cpu_seconds(self):
        return ticks_of(self.server.process.pid) / TICKS

    def wire_bytes(self, transaction):
        """The length of a transaction in wire form."""
        path = f"/api/v1/transactions/{transaction}"
        return len(self.get(path, Accept="application/octet-stream").read())

    def load(self, devices, count, *options):
        """A running load on this node, by devices that keep their keys."""
        keys = os.path.join(self.fleet.place, f"keys-{self.number}")
        command = [self.fleet.weft, "sensor", "load", "--api", self.url, "--data", keys, "--devices", str(devices),
                   "--count", str(count), "--json", *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def quorum(members):
    faulty = (members - 1) // 3
    return (members + faulty) // 2 + 1


def no_quorum(nodes):
    """How many absent members make these nodes no quorum."""
    return next(absent for absent in range(1, 2 * nodes + 2) if quorum(nodes + absent) > nodes)


def report(load, count):
    """What a load says when it is over; all of it must have been taken."""
    out, errors = load.communicate()
    if load.returncode != 0 or json.loads(out)["accepted"] != count:
        sys.exit(f"the load failed:\n{out[-2000:]}{errors[-2000:]}")
    return json.loads(out)


def wait(what, is_so, look_s=0.05):
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            sys.exit(f"{PATIENCE_S} s were not enough until {what}")
        time.sleep(look_s)


def free_ports(count):
    """The first of ports that are free for so many nodes, below those that the system gives out itself."""
    for _ in range(100):
        first = random.randrange(20_000, 30_000 - PORT_STEP * count, PORT_STEP)
        ports = [first + PORT_STEP * node for node in range(count)]
        if all(is_free(port, socket.SOCK_STREAM) and is_free(port + 1, socket.SOCK_DGRAM) for port in ports):
            return first
    sys.exit("this machine has no free ports between 20000 and 30000")


def is_free(port, kind):
    with socket.socket(type=kind) as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def sum_of(figures, name, **labels):
    """The sum of all series of a metric, over all nodes, that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(value for of_node in figures for series, value in of_node.items()
               if series.split("{")[0] == name and all(label in series for label in wanted))


def id_bytes(text):
    """The bytes of an id that is written as text."""
    return base64.b32hexdecode(text.upper())


def percentile(ordered, share):
    """Of values in ascending order."""
    return ordered[(len(ordered) - 1) * share // 100] if ordered else float("nan")
