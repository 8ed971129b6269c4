#!/bin/bash
# setup.sh [--dev|--arm|--ceph]: makes this source tree runnable on Debian 12, as root.
#
# Theory of operation: layers, each skipped when it is in place: Debian's packages (asked from
# dpkg's own database), the virtual environment .venv, in it the pinned dependencies and the
# project itself, and the pages that it serves. A stamp in .venv holds the hash of all that decided its
# content; as long as it matches, a second run only reads. --dev adds what the tests need, --arm
# besides what guests of 64-bit ARM need, --ceph what disks in Ceph need, and a Ceph.
#
# Environment: PYTHON names the interpreter for .venv (3.11 or newer).
set -euo pipefail
cd "$(dirname "$0")/.."

dev=no more=
case ${1:-} in --dev | --arm | --ceph) dev=yes ;; esac
case ${1:-} in --arm | --ceph) more=${1#--} ;; esac
stamp=.venv/.innkeeper-setup

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

wanted_packages() {
    local groups='front|host|guest'
    [ $dev = yes ] && groups="$groups|dev"
    [ -n "$more" ] && groups="$groups|$more"
    awk -v groups="^($groups)\$" '$1 ~ groups { print $2 }' scripts/debian-packages.txt
}

missing_packages() {
    comm -23 <(wanted_packages | sort -u) \
        <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u)
}

# apt's own chatter is shown only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        die "this failed: $*"
    fi
    rm -f "$log"
}

install_packages() {
    local missing
    command -v dpkg-query >/dev/null || die "needs Debian 12 (no dpkg found)"
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" = 0 ] || die "run as root to install: ${missing[*]}"
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    quietly apt-get update -q
    quietly apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# The real executable: a pyenv shim inside a virtual environment would follow the folder's settings.
usable_python() {
    "$1" -c 'import sys, ssl, venv, ensurepip
sys.version_info >= (3, 11) or sys.exit(1)
print(sys.executable)' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-/usr/bin/python3 python3 python3.11}; do
        usable_python "$candidate" && return
    done
    die "found no Python 3.11 or newer with venv and ensurepip (tried: ${PYTHON:-/usr/bin/python3, python3, python3.11})"
}

make_environment() {
    local python
    [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' 2>/dev/null && return
    python=$(find_python)
    say "making .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv
}

content_key() { # of the requirement file that would be installed
    cat "$1" pyproject.toml scripts/setup.sh | sha256sum | cut -d' ' -f1
}

install_dependencies() {
    local file=requirements.txt
    [ $dev = yes ] && file=requirements-dev.txt
    local key="$file $(content_key $file) $PWD"
    [ -x .venv/bin/inn ] && grep -qxF "$key" $stamp 2>/dev/null && return
    make_environment
    say "installing $(grep -c '==' $file) pinned Python packages"
    quietly .venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r $file
    say "installing innkeeper itself"
    quietly .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
    remember "$key" $file
}

# What the tests need contains what running needs: after --dev both keys hold.
remember() {
    echo "$1" >$stamp
    [ "$2" = requirements.txt ] || echo "requirements.txt $(content_key requirements.txt) $PWD" >>$stamp
}

# Pages come out of Debian's packages without what these depend on: noVNC's wants a proxy and Node.
unpack_pages() {
    local package folder
    for package in $(awk '$1 == "page" { print $2 }' scripts/debian-packages.txt); do
        [ -d ".venv/share/$package" ] && continue
        say "unpacking $package"
        folder=$(mktemp -d)
        (cd "$folder" && { apt-get download -q "$package" || { apt-get update -q && apt-get download -q "$package"; }; } &&
            dpkg-deb -x "$package"_*.deb .) >"$folder/log" 2>&1 ||
            die "cannot unpack $package: $(tail -n 1 "$folder/log")"
        rm -rf ".venv/share/.$package.part"
        mkdir -p .venv/share
        cp -r "$folder/usr/share/$package" ".venv/share/.$package.part"
        mv ".venv/share/.$package.part" ".venv/share/$package"
        rm -rf "$folder"
    done
}

# Of Ansible's large distribution the tests need one collection, as it is.
unpack_collection() {
    local name=community/general into=.venv/share/ansible_collections folder
    [ $dev = yes ] || return 0
    [ -d "$into/$name" ] && return
    say "unpacking Ansible's collection $name"
    folder=$(mktemp -d)
    quietly .venv/bin/python -m pip download --quiet --no-deps --require-hashes --only-binary :all: \
        -r scripts/collections.txt -d "$folder"
    .venv/bin/python - "$folder" "ansible_collections/$name/" <<'END'
import sys, zipfile
from pathlib import Path
folder, wanted = Path(sys.argv[1]), sys.argv[2]
with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
    wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(wanted)])
END
    mkdir -p "$into/${name%/*}"
    mv "$folder/ansible_collections/$name" "$into/$name"
    rm -rf "$folder"
}

install_packages
install_dependencies
unpack_pages
unpack_collection
