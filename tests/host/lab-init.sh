#!/bin/bash
# Process 1 of a host for tests (see lab.py): gives the namespaces that it stands in the look of a
# machine of its own, says so, and reaps children until it is killed.
set -eu
mount --make-rprivate /
mount -t sysfs sysfs /sys
# Mounted again inside the cgroup namespace: its own sub-tree is then the root, so that libvirt
# does not find (and kill) processes of another host's guests under the same names.
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" 2>/dev/null ||
        rmdir "/sys/fs/cgroup/$controller"
done
if [ -z "$(ls /sys/fs/cgroup)" ]; then
    umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
for folder in /run /var/lib/libvirt /var/log/libvirt; do
    mount -t tmpfs -o mode=755 tmpfs "$folder"
done
mkdir -p /run/lock /var/log/libvirt/qemu
hostname "$1"
ip link set lo up
echo up
while :; do
    sleep 3600 &
    wait $! || true
done
