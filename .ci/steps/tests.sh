# Tests and benchmarks. Each must run at least one test.
# shellcheck shell=bash

run_tests() {
    cargo_test --workspace
}

# Real processes, killed and restarted, and recordings of real people, which are fetched and never committed.
run_slow_tests() {
    need tests/slow/main.rs "the tests on real processes"
    fetch_recordings
    WEFT_RECORDINGS=$(cd "$TARGET/recordings" && pwd) cargo_test --package weft --features slow-tests --test slow
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
