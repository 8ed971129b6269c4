#!/bin/bash
# fresh.sh [--systemd]: README's first command on a bare Debian 12, as a newcomer would type it.
#
# Theory of operation: mmdebstrap makes a minimal Debian with git, make and Python in a folder (kept in the
# tests' cache). A copy of it becomes a machine of its own (namespaces of everything but the network,
# over which packages come); with --systemd its first process is systemd. In it a clean clone runs
# `make up`, again, `make down`, `make up` and `make down PURGE=1`; the times and what is left are
# printed. Without systemd the clone lies in /root, which is closed to others; with it, in /opt, and the units of
# packaging/ are tried last. Exit code 1 when anything that was promised did not hold. Needs root, and port 2633 free.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source_tree=$(git -C "$here" rev-parse --show-toplevel)
cache=${INN_CACHE:-$source_tree/build/cache}
systemd=no
[ "${1:-}" = --systemd ] && systemd=yes
clone=/root/innkeeper
[ $systemd = yes ] && clone=/opt/innkeeper

say() { printf 'fresh: %s\n' "$*"; }
die() { printf 'fresh: %s\n' "$*" >&2; exit 1; }

# ---- inside ---------------------------------------------------------------------------------------

seconds() { # LABEL COMMAND...: runs it and says how long it took
    local label=$1 began
    shift
    began=$(date +%s.%N)
    "$@"
    printf 'fresh: %s: %.1f s\n' "$label" "$(awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')"
}

new_files() { # what is newer than the stamp outside the folders that are documented
    find / -xdev -newer /stamp \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path "$PWD" \) -prune \
        -o -newer /stamp -type f -print | grep -vE '^/(var/log|var/cache|var/lib/(apt|dpkg|systemd|libvirt)|root/\.|etc/(ld\.so\.cache|machine-id))' || true
}

check() { # COMMAND...: what it prints must be nothing
    local found
    found=$("${@:2}" || true)
    [ -z "$found" ] || { printf 'fresh: LEFT: %s: %s\n' "$1" "$found"; failed=1; }
}

# Where systemd runs, Debian's package has started libvirt's daemons when it was installed: they are not ours.
ours() {
    local debians='^$'
    [ -d /run/systemd/system ] && debians='^/usr/sbin/(libvirtd|virtlogd|virtlockd)( --timeout [0-9]+)?$'
    ps -eo args= | grep -E 'qemu-system|libvirtd|virtlogd|inn(keeper)?[ .]|agent\.pyz' | grep -vE "grep|fresh\.sh|$debians" || true
}

rights() { # what the front end is and has that it must not
    awk '/^Uid:/ && $2 == 0 || /^Cap(Prm|Eff|Bnd):/ && $2 !~ /^0+$/ || /^NoNewPrivs:/ && $2 != 1' "/proc/$1/status"
}

guests() { pgrep -c qemu-system || true; }

under_systemd() {
    cp packaging/innkeeper* /etc/systemd/system
    systemctl daemon-reload
    systemctl enable --quiet --now innkeeper-agent.socket innkeeper
    seconds "make up under systemd" make up
    local pid
    pid=$(systemctl show --property=MainPID --value innkeeper)
    say "as $(ps -o user= -p "$pid"): $(systemd-analyze security --no-pager innkeeper 2>/dev/null | tail -n 1)"
    check "rights under systemd" rights "$pid"
    check "a front end that systemd did not start" sh -c "pgrep -f '[i]nn daemon' | grep -vx $pid || true"
    systemctl stop innkeeper innkeeper-agent.socket innkeeper-agent
    check "guests that ended with the units" sh -c "[ $(guests) = 1 ] || echo $(guests) of 1"
    systemctl start innkeeper-agent.socket innkeeper
    seconds "make up, the units started again" make up
    seconds "make down PURGE=1 under systemd" make down PURGE=1
    systemctl disable --quiet --now innkeeper innkeeper-agent.socket
    systemctl stop innkeeper-agent
    rm /etc/systemd/system/innkeeper*
    systemctl daemon-reload
}

newcomer() {
    failed=0
    local interfaces
    interfaces=$(ip -o link | cut -d: -f2)
    cd "$source_tree"
    export DEBIAN_FRONTEND=noninteractive
    seconds "make up, nothing installed" make up
    .venv/bin/inn vm log first-light | grep -E 'Linux version|READY' || die "the guest's log shows no boot"
    .venv/bin/inn vm log first-light --qemu | grep -m1 -o 'qemu-system-[a-z0-9_]*' || die "no QEMU in its log"
    .venv/bin/inn host list
    check "rights" rights "$(cat /var/lib/innkeeper/host/daemon.pid)"
    seconds "make up again" make up
    seconds "make down" make down
    check "processes after make down" ours
    touch /stamp
    seconds "make up, everything there" make up
    seconds "make down PURGE=1" make down PURGE=1
    if [ -d /run/systemd/system ]; then under_systemd; fi
    check "processes" ours
    check "interfaces" diff <(echo "$interfaces") <(ip -o link | cut -d: -f2)
    check "rules" sh -c 'nft list tables | grep innkeeper || true'
    check "the data folder" sh -c 'ls -d /var/lib/innkeeper 2>/dev/null || true'
    check "things in /run" sh -c 'ls -d /run/innkeeper* 2>/dev/null || true'
    check "new files" new_files
    [ $failed = 0 ] && say "nothing is left"
    exit $failed
}

[ "${1:-}" = newcomer ] && newcomer

# ---- outside --------------------------------------------------------------------------------------

bare_debian() { # TAR
    local include=make,git,python3,ca-certificates,procps,iproute2
    [ $systemd = yes ] && include=$include,systemd,systemd-sysv,dbus
    say "making a bare Debian"
    mkdir -p "$cache"
    mmdebstrap --quiet --variant=minbase --include=$include bookworm "$1.part.tar" || die "mmdebstrap failed"
    mv "$1.part.tar" "$1"
}

give_registries() { # ROOT: this machine's settings of apt, pip and certificates
    local path
    for path in /etc/apt /etc/pip.conf /etc/xdg/pip /root/.config/pip /etc/ssl/certs /usr/local/share/ca-certificates \
        /etc/resolv.conf /etc/hosts; do
        [ -e "$path" ] || continue
        rm -rf "${1:?}$path"
        mkdir -p "$1$(dirname "$path")"
        cp -aL "$path" "$1$path" 2>/dev/null || true
    done
}

mount_kernel_folders() { # ROOT
    mount --make-rprivate /
    mount --bind "$1" "$1" # a root is a mount
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=755 tmpfs "$1/run"
    mount -t sysfs sysfs "$1/sys"
    mount -t tmpfs -o mode=755 cgroup "$1/sys/fs/cgroup"
    local name
    for name in /sys/fs/cgroup/*/; do
        name=$(basename "$name")
        mkdir -p "$1/sys/fs/cgroup/$name"
        case $name in
            unified) mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup/$name" || rmdir "$1/sys/fs/cgroup/$name" ;;
            systemd) mount -t cgroup -o none,name=systemd cgroup "$1/sys/fs/cgroup/$name" ;;
            *) mount -t cgroup -o "$name" cgroup "$1/sys/fs/cgroup/$name" 2>/dev/null || rmdir "$1/sys/fs/cgroup/$name" ;;
        esac
    done
    mount -t proc proc "$1/proc"
}

machine() { # ROOT FIRST...: becomes the first process of the new machine
    local root=$1
    shift
    hostname fresh
    mount_kernel_folders "$root"
    cd "$root"
    pivot_root . . # a chroot would not do: libvirt makes namespaces of its own
    umount -l .
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root container=innkeeper-test chroot . "$@"
}

own_groups() { # puts this process into groups of its own, which the new machine takes for the root
    local procs
    for procs in /sys/fs/cgroup/*/cgroup.procs; do
        mkdir -p "$(dirname "$procs")/$1"
        local setting
        for setting in cpuset.cpus cpuset.mems; do
            [ -e "$(dirname "$procs")/$setting" ] && cat "$(dirname "$procs")/$setting" >"$(dirname "$procs")/$1/$setting"
        done
        echo $$ >"$(dirname "$procs")/$1/cgroup.procs"
    done
}

remove_groups() {
    local procs group
    for procs in /sys/fs/cgroup/*/cgroup.procs; do
        echo $$ >"$procs"
        group=$(dirname "$procs")/$1
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
}

run_newcomer() { # ROOT LABEL
    local unshare=(unshare --mount --uts --ipc --pid --cgroup --fork --kill-child=KILL)
    local here_again=(bash "$here/fresh.sh" machine "$1")
    if [ $systemd = no ]; then
        "${unshare[@]}" "${here_again[@]}" bash "$clone/tests/real/fresh.sh" newcomer
        return
    fi
    "${unshare[@]}" "${here_again[@]}" /sbin/init >"$1.console" 2>&1 </dev/null &
    local outer=$! first code=0
    for _ in $(seq 300); do
        first=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null | tr -d ' ' || true)
        [ -n "$first" ] && nsenter --target "$first" --all --root --wd=/ systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break
        sleep 0.2
    done
    nsenter --target "$first" --all --root --wd=/ env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        bash "$clone/tests/real/fresh.sh" newcomer || code=$?
    kill -KILL "$outer"
    wait "$outer" 2>/dev/null || true
    return $code
}

[ "${1:-}" = machine ] && { shift; machine "$@"; }

tar=$cache/fresh-$systemd.tar
[ -e "$tar" ] || bare_debian "$tar"
root=$(mktemp -d /var/tmp/inn-fresh-XXXXXX)
label=$(basename "$root")
trap 'remove_groups "$label"; rm -rf "$root" "$root.console"' EXIT
chmod 755 "$root"
tar -xf "$tar" -C "$root" --numeric-owner --exclude='./dev/*'
give_registries "$root"
git clone -q --no-local "$source_tree" "$root$clone"
if [ $systemd = no ]; then # nobody is there to start services
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
fi
own_groups "$label"
say "a bare Debian 12 $([ $systemd = yes ] && echo with || echo without) systemd"
run_newcomer "$root"
