#!/bin/bash
# machine.sh COMMAND [ARGUMENT ...]
#
# Runs a command on a machine of its own: fresh mount, network, UTS, IPC, PID and cgroup namespaces. What
# the command starts (libvirt daemons, guests, front ends) shares nothing with this machine but files, and is
# gone when the command ends; several such machines do not see each other. Files under /run, /var/lib/libvirt,
# /var/log/libvirt and /var/cache/libvirt are private and forgotten at the end.
set -euo pipefail

if [ "${INN_TEST_MACHINE:-}" != inside ]; then
    export INN_TEST_MACHINE=inside
    # Control groups of its own, which its namespace takes for the root: guests of two machines have the same names.
    groups=()
    for tree in /sys/fs/cgroup /sys/fs/cgroup/*/; do
        [ -e "$tree/cgroup.procs" ] || continue
        group=$tree/inn-machine-$$
        mkdir "$group"
        for setting in cpuset.cpus cpuset.mems; do
            if [ -e "$tree/$setting" ]; then cat "$tree/$setting" >"$group/$setting"; fi
        done
        groups+=("$group")
        if [ "$tree" = /sys/fs/cgroup ]; then break; fi # version 2: one tree holds all
    done
    (
        for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
        exec setpriv --pdeathsig KILL -- unshare --mount --net --uts --ipc --pid --cgroup --fork --kill-child=KILL \
            --mount-proc -- "$0" "$@"
    ) <&0 &
    machine=$!
    trap 'kill -KILL "$machine" 2>/dev/null' TERM
    trap : INT # what runs inside is told, too, and ends by itself
    code=0
    while wait "$machine" || code=$?; kill -0 "$machine" 2>/dev/null; do code=0; done
    for group in "${groups[@]}"; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    exit "$code"
fi

mount --make-rprivate /
hostname inn-test
ip link set lo up

private() { # a fresh tmpfs in the place of a folder that exists
    if [ -d "$1" ]; then mount -t tmpfs -o mode=755 tmpfs "$1"; fi
}

# libvirt names its control groups after its domains: see them from a root of our own
controllers=$(ls /sys/fs/cgroup)
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || true
else
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    for name in $controllers; do
        # "systemd" is no controller but a name, under which libvirt looks for containers' processes
        case $name in unified) continue ;; systemd) options=none,name=systemd ;; *) options=$name ;; esac
        mkdir -p "/sys/fs/cgroup/$name"
        mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/$name" 2>/dev/null || rmdir "/sys/fs/cgroup/$name"
    done
fi

# users that are made here are known nowhere else
if [ -d /etc ]; then
    etc=$(mktemp -d)
    cp -a /etc/. "$etc"
    mount -t tmpfs -o mode=755 tmpfs /etc
    cp -a "$etc/." /etc
    rm -rf "$etc"
fi

# a cloud that runs on this machine keeps its hosts' files where a test's hosts keep theirs
mkdir -p /var/lib/innkeeper
for folder in /run /etc/libvirt/secrets /var/log/libvirt /var/cache/libvirt /var/lib/innkeeper; do private "$folder"; done
# what libvirt's package puts below its state folder must stay there: an empty copy of its tree
tree=$(cd /var/lib/libvirt 2>/dev/null && find . -type d) || tree=
private /var/lib/libvirt
(cd /var/lib/libvirt && for folder in $tree; do mkdir -p "$folder"; done)
mkdir -p /run/libvirt /run/lock /run/sshd /var/log/libvirt/qemu
if id libvirt-qemu >/dev/null 2>&1; then chown libvirt-qemu:kvm /var/lib/libvirt/qemu /var/cache/libvirt 2>/dev/null || true; fi

# the first process of the machine: what ends early is reaped, the exit code is the command's
"$@" <&0 &
command=$!
trap 'kill -TERM "$command" 2>/dev/null' TERM INT
code=0
wait "$command" || code=$?
exit "$code"
