#!/bin/bash
# Writes requirements.txt (what runs) and requirements-dev.txt (that, and what tests it) from
# pyproject.toml: exact versions with the hashes of their files, no address of any index.
# An argument `upgrade` takes the newest versions; without it what is pinned stays pinned.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$(command -v uv || echo .venv/bin/uv)
[ -x "$uv" ] || { echo "lock: needs uv (in .venv or on the PATH)" >&2; exit 1; }
upgrade=()
[ "${1:-}" = upgrade ] && upgrade=(--upgrade)

compile() { # OUT ARGUMENTS...
    local out=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-annotate "${upgrade[@]}" "$@" --output-file "$out" pyproject.toml
}

compile requirements.txt --extra build
compile requirements-dev.txt --extra build --extra dev --constraints requirements.txt
if grep -nE '://|--index|--find-links' requirements.txt requirements-dev.txt; then
    echo "lock: an address stands in a requirements file" >&2
    exit 1
fi
