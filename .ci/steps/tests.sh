# Tests and benchmarks. Each must run at least one test.
# shellcheck shell=bash

run_tests() {
    cargo_test --workspace
}

# Real processes, killed and restarted.
run_slow_tests() {
    need tests/slow/main.rs "the tests on real processes"
    cargo_test --package weft --features slow-tests --test slow
}

# Recordings of real people, which are fetched and never committed.
run_recordings() {
    need tests/recordings/fetch.sh "it fetches the recordings"
    need_command python3 python3
    if ! python3 -m pip --version >/dev/null 2>&1; then
        apt_update
        apt-get install -y --no-install-recommends python3-pip
    fi
    local recordings="$TARGET/recordings"
    sh tests/recordings/fetch.sh "$recordings"
    WEFT_RECORDINGS=$(cd "$recordings" && pwd) cargo_test --package weft --test it recordings::
}

# A benchmark without `--bench` makes a run that is only long enough to show that it works.
run_benchmarks() {
    cargo test --locked --workspace --bench '*'
}
