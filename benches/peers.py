#!/usr/bin/env python3
"""Weft beside Redis and PostgreSQL on the same work: 2.8 KB stored, answered when it is on disk.

    python3 benches/peers.py            medians of five rounds, under five minutes
    python3 benches/peers.py --quick    one tiny round, to see that it runs
    python3 benches/peers.py --json     the same table as one JSON object

What is compared, each with 1 and with 64 clients on a connection of their own:

    redis       SET of 2,804 bytes, appendfsync always; load by redis-benchmark
    postgres    INSERT of one row with 2,804 bytes, synchronous commit, prepared, stored inline and uncompressed;
                load by pgbench with two threads
    weft        a transaction of 2.8 KB, signature and work checked; load by `weft sensor load --presign`, so that
                what devices spend on signing is not the node's; also in requests of 50, where each latency is that
                of a whole request

Every server is started for its own measurement alone, on a free loopback port, with its data in a temporary directory
(--directory says where; it should be on a real disk), and stopped after it. Within a round all are measured one after
another, so that what else the machine does meets them alike. The load runs on the same cores as the server. The column
"cpu us" is the server's own processor time for each thing stored, children included.

Needs redis-server, redis-tools and postgresql: Debian's packages, which are installed by name when they are missing
and this runs as root. Needs `weft` in a release build, which is made when it is missing (--weft names another one).
"""

import argparse
import glob
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

VALUE_BYTES = 2804
ROUNDS = 5
# No round begins later than this, so that all is over within five minutes.
LAST_ROUND_BEGINS_S = 230
STEP_TIMEOUT_S = 120
# Things stored in one measurement: some seconds each on two cores.
COUNTS = {("redis", 1): 4000, ("redis", 64): 60000, ("postgres", 1): 3000, ("postgres", 64): 24000,
          ("weft", 1): 3000, ("weft", 64): 12800, ("weft x50", 64): 12800}
TICKS = os.sysconf("SC_CLK_TCK")


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tools = {"redis-server": "redis-server", "redis-benchmark": "redis-tools", "initdb": "postgresql",
             "pgbench": "postgresql"}
    paths = find_tools(tools)
    weft = find_weft(arguments.weft)
    rows = {case: [] for case in COUNTS}
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="weft-peers-", dir=arguments.directory) as directory:
        os.chmod(directory, 0o711)
        postgres = Postgres(paths, os.path.join(directory, "postgres"))
        for number in range(1 if arguments.quick else ROUNDS):
            if time.monotonic() - begin > LAST_ROUND_BEGINS_S:
                note(f"the machine is slow: {number} rounds instead of {ROUNDS}")
                break
            note(f"round {number + 1}")
            for case, count in COUNTS.items():
                name, clients = case
                count = max(clients, count // 40) if arguments.quick else count
                place = os.path.join(directory, "one")
                if name == "redis":
                    result = measure_redis(paths, place, clients, count)
                elif name == "postgres":
                    result = postgres.measure(clients, count)
                else:
                    result = measure_weft(weft, place, clients, count, 50 if name.endswith("x50") else 1)
                rows[case].append(result)
                shutil.rmtree(place, ignore_errors=True)
    medians = {case: [statistics.median(column) for column in zip(*results)] for case, results in rows.items()}
    show(medians, len(rows[("redis", 1)]), arguments.json)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one tiny round")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--weft", metavar="FILE", help="the weft binary to measure")
    parser.add_argument("--directory", metavar="DIR", help="where the temporary data lies")
    return parser.parse_args()


def note(text):
    print(text, file=sys.stderr, flush=True)


def find_tools(tools):
    """The path of each tool; Debian keeps PostgreSQL's servers beside each other by version, off the PATH."""
    def find(tool):
        return shutil.which(tool) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{tool}"), default=None)
    missing = sorted({package for tool, package in tools.items() if not find(tool)})
    if missing:
        if os.geteuid() != 0:
            sys.exit(f"these packages are missing: {' '.join(missing)}; install them, or run this as root")
        note(f"installing {' '.join(missing)}")
        # In this runlevel no service is started by being installed.
        environment = dict(os.environ, RUNLEVEL="1", DEBIAN_FRONTEND="noninteractive")
        for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", "-q", *command], check=True, env=environment, stdout=sys.stderr)
    return {tool: find(tool) for tool in tools}


def find_weft(given):
    if given:
        return given
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    binary = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target")), "release", "weft")
    if not os.path.exists(binary):
        subprocess.run(["cargo", "build", "--release", "--locked"], check=True, cwd=root, stdout=sys.stderr)
    return binary


class Server:
    """A server process with what it writes in a log, stopped however the measurement ends."""

    def __init__(self, command, log, user=None, environment=None):
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, user=user,
                                            env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # SIGINT is PostgreSQL's fast shutdown; the others take it for a usual end too.
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_for(self, is_ready):
        deadline = time.monotonic() + 30
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    sys.exit(f"{self.process.args[0]} did not start:\n{log.read()[-2000:]}")
            time.sleep(0.05)

    def cpu_seconds(self):
        """Processor time of the server, of the processes that it started, and of those that have ended."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        pids = [str(self.process.pid), *children.stdout.split()]
        return sum(map(ticks_of, pids)) / TICKS


def ticks_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return sum(int(field) for field in stat.read().rpartition(")")[2].split()[11:15])
    except FileNotFoundError:
        return 0


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=STEP_TIMEOUT_S, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def measure_redis(paths, place, clients, count):
    os.mkdir(place)
    port = free_port()
    command = [paths["redis-server"], "--port", str(port), "--bind", "127.0.0.1", "--dir", place, "--save", "",
               "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]
    with Server(command, os.path.join(place, "log")) as server:
        server.wait_for(lambda: listens(port))
        before = server.cpu_seconds()
        text = run([paths["redis-benchmark"], "-p", str(port), "-c", str(clients), "-n", str(count), "-d",
                    str(VALUE_BYTES), "-r", "1000000000", "-t", "set", "--csv"])
        cpu = server.cpu_seconds() - before
    names, values = ([field.strip('"') for field in line.split(",")] for line in text.strip().splitlines()[-2:])
    row = dict(zip(names, values))
    return (float(row["rps"]), float(row["p50_latency_ms"]), float(row["p99_latency_ms"]), cpu / count * 1e6)


class Postgres:
    """One cluster, made once; its server runs during a measurement only."""

    def __init__(self, paths, home):
        self.paths, self.home, self.data = paths, home, os.path.join(home, "data")
        # PostgreSQL refuses to run as root.
        self.user = pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else None
        os.mkdir(home)
        if self.user is not None:
            os.chown(home, self.user, -1)
        run([paths["initdb"], "-D", self.data, "-U", "weft", "-A", "trust", "--no-sync"], user=self.user, cwd=home)
        self.script = os.path.join(home, "insert.sql")
        with open(self.script, "w", encoding="utf-8") as script:
            script.write("INSERT INTO reading (body) VALUES (:body);\n")

    def measure(self, clients, count):
        port = free_port()
        settings = ["listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={self.home}",
                    "fsync=on", "synchronous_commit=on", "max_connections=80", "max_wal_size=8GB"]
        command = [os.path.join(os.path.dirname(self.paths["initdb"]), "postgres"), "-D", self.data]
        for setting in settings:
            command += ["-c", setting]
        base = ["-h", "127.0.0.1", "-p", str(port), "-U", "weft"]
        prefix = os.path.join(self.home, "latency")
        with Server(command, os.path.join(self.home, "log"), self.user) as server:
            server.wait_for(lambda: listens(port) and subprocess.run(
                ["psql", *base, "-c", "SELECT 1", "postgres"], capture_output=True, check=False).returncode == 0)
            run(["psql", *base, "-q", "-v", "ON_ERROR_STOP=1", "-c",
                 "DROP TABLE IF EXISTS reading; CREATE TABLE reading (id bigint GENERATED ALWAYS AS IDENTITY "
                 "PRIMARY KEY, body bytea NOT NULL); ALTER TABLE reading ALTER COLUMN body SET STORAGE PLAIN; "
                 "CHECKPOINT;", "postgres"])
            before = server.cpu_seconds()
            text = run([self.paths["pgbench"], *base, "-n", "-M", "prepared", "-f", self.script, "-c", str(clients),
                        "-j", str(min(2, clients)), "-t", str(count // clients), "-l", f"--log-prefix={prefix}",
                        "-D", "body=\\x" + secrets.token_hex(VALUE_BYTES), "postgres"])
            # Its processes end with their clients, and only then does the server count their time.
            time.sleep(0.3)
            cpu = server.cpu_seconds() - before
        latencies = []
        for path in glob.glob(prefix + ".*"):
            with open(path, encoding="utf-8") as log:
                latencies += [int(line.split()[2]) / 1000 for line in log]
            os.remove(path)
        latencies.sort()
        rate = next(line for line in text.splitlines() if line.startswith("tps = "))
        at = [latencies[(len(latencies) - 1) * share // 100] for share in (50, 99)]
        return (float(rate.split()[2]), *at, cpu / len(latencies) * 1e6)


def measure_weft(weft, place, clients, count, batch):
    os.mkdir(place)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [weft, "node", "--data", os.path.join(place, "node"), "--api-listen", f"127.0.0.1:{port}"]
    with Server(command, os.path.join(place, "log")) as server:
        server.wait_for(lambda: listens(port))
        load = [weft, "sensor", "load", "--api", url, "--devices", str(clients), "--data", os.path.join(place, "keys"),
                "--json"]
        # The devices enrol in a load of one transaction each, so that enrolments are not counted.
        run([*load, "--count", str(clients)])
        before = server.cpu_seconds()
        text = run([*load, "--count", str(count), "--batch", str(batch), "--presign"])
        cpu = server.cpu_seconds() - before
    report = json.loads(text)
    if report["accepted"] != count:
        sys.exit(f"weft did not take all: {text}")
    latency = report["latency_ms"]
    return (count / report["seconds"], latency["p50"], latency["p99"], cpu / count * 1e6)


def show(medians, rounds, as_json):
    if as_json:
        names = ("per_second", "p50_ms", "p99_ms", "server_cpu_us")
        rows = [{"server": name, "clients": clients, **dict(zip(names, values))}
                for (name, clients), values in medians.items()]
        print(json.dumps({"rounds": rounds, "value_bytes": VALUE_BYTES, "rows": rows}))
        return
    print(f"medians of {rounds}, {VALUE_BYTES} bytes each, {os.cpu_count()} cores shared with the load")
    print(f"{'server':10}{'clients':>8}{'stored/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'cpu us':>8}{'/redis':>8}{'/postgres':>10}")
    for (name, clients), (rate, p50, p99, cpu) in medians.items():
        redis, postgres = (rate / medians[(peer, clients)][0] for peer in ("redis", "postgres"))
        print(f"{name:10}{clients:8}{rate:10.0f}{p50:9.3f}{p99:9.3f}{cpu:8.1f}{redis:8.2f}{postgres:10.2f}")


if __name__ == "__main__":
    main()
