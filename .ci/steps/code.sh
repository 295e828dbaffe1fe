# Style, lints and documentation.
# shellcheck shell=bash

check_format() {
    cargo fmt --all --check
    # What is measured beside Weft is a package of its own.
    cargo fmt --manifest-path benches/gossipsub/Cargo.toml --check
    local script
    for script in .ci/run .ci/lib.sh .ci/steps/*.sh; do
        bash -n "$script"
    done
}

check_lints() {
    cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
}

# A sensor is built without database, server and metrics.
check_lints_sensor_side() {
    cargo clippy --locked --package weft --no-default-features --lib --bins --tests -- -D warnings
}

# Firmware has no std.
check_lints_no_std() {
    cargo clippy --locked --package weft-pow --lib --no-default-features -- -D warnings
}

check_documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps
}
