# Tests and benchmarks. Each must run at least one test.
# shellcheck shell=bash

run_tests() {
    cargo_test --workspace
}

# Ten thousand losses of power on a disk in memory, or as many as WEFT_CRASHES says.
run_crashes() {
    WEFT_CRASHES="${WEFT_CRASHES:-10000}" cargo_test --package weft --lib store::tests::crash::whatever -- --nocapture |
        summed_up 'crashes of'
}

# A thousand seeds of mixed faults and a thousand with a committee, or as many as WEFT_SEEDS says, and a tenth as many of
# rougher ones. A seed that fails leaves the shortest scenario that does in the step's log.
run_simulations() {
    local seeds="${WEFT_SEEDS:-1000}"
    cargo build --locked --package weft --bin weft
    simulate tests/scenarios/mixed.toml "$seeds"
    simulate tests/scenarios/finality.toml "$seeds"
    simulate tests/scenarios/rough.toml $((seeds / 10 + 1))
}

# simulate SCENARIO SEEDS: runs them on all cores.
simulate() {
    need "$1" "the scenario"
    "$TARGET/debug/weft" simulate "$1" --seed 1 --seeds "$2" |
        sed -E 's/^(simulations|faults|events|seconds) +/ci: &/'
}

# summed_up WORDS: passes everything on, and has a line of a test that counts WORDS, or says that it is skipped, shown
# although the step holds.
summed_up() {
    sed -E "s/^(test .* \.\.\. )?(([0-9]+ $1|SKIPPED,) .*)/ci: \2/"
}

# Real processes, killed and restarted 50 times or as often as WEFT_KILLS says, and recordings of real people, which are
# fetched and never committed.
run_slow_tests() {
    need tests/slow/main.rs "the tests on real processes"
    fetch_recordings
    WEFT_RECORDINGS=$(cd "$TARGET/recordings" && pwd) cargo_test --package weft --features slow-tests --test slow -- --nocapture --skip namespaces:: |
        summed_up 'kills,'
}

# Nodes in network namespaces, on links that lose datagrams and are cut for WEFT_SPLIT_SECONDS. One test at a time, for
# each has several nodes.
run_namespace_tests() {
    need tests/slow/namespaces/mod.rs "the tests on links between nodes"
    need_command ip iproute2
    need_command nft nftables
    cargo_test --package weft --features slow-tests --test slow namespaces:: -- --nocapture --test-threads 1 |
        summed_up 'transactions'
}

fetch_recordings() {
    need tests/recordings/fetch.sh "it fetches the recordings"
    need_command python3 python3
    if ! python3 -m pip --version >/dev/null 2>&1; then
        apt_update
        apt-get install -y --no-install-recommends python3-pip
    fi
    sh tests/recordings/fetch.sh "$TARGET/recordings"
}

# A benchmark without `--bench` makes a run that is only long enough to show that it works.
run_benchmarks() {
    cargo test --locked --workspace --bench '*'
}
