# What is checked from outside against a running node.
# shellcheck shell=bash

# Seconds until a started node is ready, and until a stopped one is gone.
NODE_START_S=30
NODE_STOP_S=5

run_node_checks() {
    with_node check_python_client check_python_follower check_vectors check_metrics
}

# with_node CHECK...: runs the checks one after another against one node of a new private network, whose address is
# NODE_URL, then stops it by SIGTERM, which must end it in time and without an error.
with_node() {
    cargo build --locked --package weft
    local binary="$TARGET/debug/weft" port check
    NODE_DATA=$(mktemp -d)
    NODE_LOG="$NODE_DATA/node.log"
    port=$(free_port)
    NODE_URL="http://127.0.0.1:$port"
    "$binary" node --data "$NODE_DATA/data" --api-listen "127.0.0.1:$port" >"$NODE_LOG" 2>&1 &
    NODE=$!
    trap 'kill -KILL "$NODE" 2>/dev/null || true; cat "$NODE_LOG"; rm -rf "$NODE_DATA"' EXIT
    trap 'exit 130' INT TERM
    wait_until_ready
    for check in "$@"; do
        printf -- '-- %s\n' "$check"
        "$check"
    done
    stop_node
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# get PATH: what the node answers, which must be a 200.
get() {
    python3 -c 'import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1], timeout=10).read().decode())' \
        "$NODE_URL$1"
}

wait_until_ready() {
    local deadline=$((SECONDS + NODE_START_S))
    until get /readyz >/dev/null 2>&1; do
        kill -0 "$NODE" 2>/dev/null || fail "the node ended before it was ready"
        [ "$SECONDS" -lt "$deadline" ] || fail "the node was not ready within $NODE_START_S s: $(get /readyz 2>&1 | tail -n 1)"
        sleep 0.2
    done
}

stop_node() {
    local deadline=$((SECONDS + NODE_STOP_S + 1)) status=0
    kill -TERM "$NODE"
    while kill -0 "$NODE" 2>/dev/null; do
        [ "$SECONDS" -le "$deadline" ] || fail "the node had not stopped $NODE_STOP_S s after SIGTERM"
        sleep 0.1
    done
    wait "$NODE" || status=$?
    [ "$status" -eq 0 ] || fail "the node stopped with status $status"
}

# The example of the specification, by a stranger's library: enrols, asks for a ticket, attaches, reads back.
check_python_client() {
    need spec/examples/client.py "the example client"
    python_tools examples spec/examples/requirements.txt
    "$TOOLS/examples/bin/python" spec/examples/client.py "$NODE_URL"
}

# What the client has sent becomes final, and a stranger computes the commits anew from what the node tells.
check_python_follower() {
    need spec/examples/follow.py "the example that follows finality"
    python_tools examples spec/examples/requirements.txt
    "$TOOLS/examples/bin/python" spec/examples/follow.py "$NODE_URL"
}

# The test vectors, judged without any of the Rust.
check_vectors() {
    need spec/examples/check_vectors.py "it reads the test vectors"
    python_tools examples spec/examples/requirements.txt
    "$TOOLS/examples/bin/python" spec/examples/check_vectors.py
}

# promtool has nothing to say, and the series stay few. Runs last, when the routes have been used.
check_metrics() {
    debian_unpacked prometheus
    local page verdict series
    page=$(mktemp)
    get /metrics >"$page"
    grep -q '^weft_build_info{' "$page" || fail "/metrics has no weft_build_info"
    verdict=$("$TOOLS/prometheus/usr/bin/promtool" check metrics <"$page" 2>&1) || fail "promtool: $verdict"
    [ -z "$verdict" ] || fail "promtool: $verdict"
    series=$(grep -vc '^#' "$page")
    [ "$series" -lt 300 ] || fail "/metrics has $series series; 300 is too many"
    say "promtool is silent over $series series"
    rm -f "$page"
}
