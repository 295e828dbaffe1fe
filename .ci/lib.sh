# What the steps stand on: steps with a log each, tools that are fetched when they are missing.
# shellcheck shell=bash

export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 RUST_BACKTRACE=short DEBIAN_FRONTEND=noninteractive
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

# Where Debian keeps ip and nft, also for who is not root.
export PATH="$PATH:/usr/sbin:/sbin"

# Tests that besiege a node hold a thousand connections and more in one process.
FILES=$(ulimit -Hn)
[ "$FILES" != unlimited ] && [ "$FILES" -lt 65536 ] || FILES=65536
ulimit -n "$FILES"

TARGET="${CARGO_TARGET_DIR:-$PWD/target}"
LOGS="$TARGET/ci/logs"
TOOLS="$TARGET/ci/tools"
mkdir -p "$LOGS" "$TOOLS"
rm -f "$LOGS"/*.log

STEPS=0
PASSED=0
RUNNING=

# An interrupted run leaves nothing behind: each step is a process group of its own.
trap '[ -z "$RUNNING" ] || kill -TERM -- "-$RUNNING" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

# step TITLE FUNCTION: runs the function in a shell of its own, with everything that it prints in a log. It runs in the
# background because `set -e` has no effect in a function whose status is asked for.
step() {
    local title=$1 action=$2 started=$SECONDS log status=0
    STEPS=$((STEPS + 1))
    log=$(printf '%s/%02d-%s.log' "$LOGS" "$STEPS" "$action")
    printf '== %s (at %d s)\n' "$title" "$SECONDS"
    set -m
    (
        set +m
        set -euo pipefail
        "$action"
    ) >"$log" 2>&1 </dev/null &
    RUNNING=$!
    set +m
    wait "$RUNNING" || status=$?
    RUNNING=
    if [ "$status" -ne 0 ]; then
        printf '   failed with status %d; the end of %s:\n' "$status" "$log"
        tail -n 80 "$log"
        printf '== FAILED: %s (after %d s)\n' "$title" "$SECONDS"
        exit 1
    fi
    PASSED=$((PASSED + $(passed_in "$log")))
    sed -n 's/^ci: /   /p' "$log"
    printf '   ok, %d s\n' $((SECONDS - started))
}

# finish: the closing line of a run that held.
finish() {
    printf '== all %d steps hold (%d s)\n' "$STEPS" "$SECONDS"
    printf '%d passed, 0 failed\n' "$PASSED"
}

# say TEXT: a line of the step's log that is shown although the step holds.
say() {
    printf 'ci: %s\n' "$*"
}

# fail TEXT: ends the step.
fail() {
    printf 'failed: %s\n' "$*" >&2
    exit 1
}

# passed_in LOG: how many tests cargo counted there.
passed_in() {
    awk '/^test result: ok\./ { sum += $4 } END { print sum + 0 }' "$1"
}

# cargo_test ARGUMENTS...: runs tests, of which there must be some.
cargo_test() {
    local output passed
    output=$(mktemp)
    # What hangs is ended, with its log, before whoever runs this loses patience.
    timeout --foreground 3600 cargo test --locked "$@" 2>&1 | tee "$output"
    passed=$(passed_in "$output")
    rm -f "$output"
    [ "$passed" -gt 0 ] || fail "cargo test $* ran no test"
    say "$passed tests passed"
}

# need FILE WHO: a file that a step runs or reads.
need() {
    [ -e "$1" ] || fail "$1 is missing: $2"
}

# need_command COMMAND PACKAGE: a command, installed with its Debian package when it is missing.
need_command() {
    command -v "$1" >/dev/null && return
    command -v apt-get >/dev/null || fail "$1 is missing and this is not Debian: install what holds $1"
    apt_update
    apt-get install -y --no-install-recommends "$2"
    command -v "$1" >/dev/null || fail "the package $2 brought no $1"
}

# apt_update: the package lists, once a run.
apt_update() {
    [ -e "$LOGS/apt-updated.log" ] || { apt-get update && touch "$LOGS/apt-updated.log"; }
}

# debian_unpacked PACKAGE: the package's files below $TOOLS/PACKAGE. Not installed, so that no service starts.
debian_unpacked() {
    local package=$1 into="$TOOLS/$1" download
    [ -d "$into" ] && return
    command -v apt-get >/dev/null || fail "$package comes from Debian, and this is not Debian"
    apt_update
    download=$(mktemp -d)
    (cd "$download" && apt-get download "$package")
    dpkg-deb -x "$download"/"$package"_*.deb "$into.part"
    mv "$into.part" "$into"
    rm -rf "$download"
}

# python_tools NAME REQUIREMENTS: a virtual environment below $TOOLS/NAME with what the file asks for, wheels alone.
python_tools() {
    local into="$TOOLS/$1" requirements=$2
    need "$requirements" "it lists the Python packages of this step"
    need_command python3 python3
    if ! cmp -s "$requirements" "$into/requirements.txt"; then
        rm -rf "$into"
        python3 -m venv "$into" || {
            need_command apt-get apt
            apt_update
            apt-get install -y --no-install-recommends python3-venv
            python3 -m venv --clear "$into"
        }
        "$into/bin/python" -m pip install --quiet --only-binary :all: --requirement "$requirements"
        cp "$requirements" "$into/requirements.txt"
    fi
}
