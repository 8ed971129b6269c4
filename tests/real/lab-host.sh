#!/bin/bash
# lab-host.sh NAME ADDRESS FOLDER DATASTORES
#
# Process 1 of a host of the lab (see lab.py): gives the namespaces that it stands in the look of a machine
# of its own, with an sshd and a libvirt, and reaps children until it is killed. What is below FOLDER is the
# host's disk: it outlives a power cut. DATASTORES is the front end's folder, which no other machine sees.
set -eu
name=$1 address=$2 folder=$3 datastores=$4
mount --make-rprivate /
echo born
read -r # the cables are plugged in
mount -t sysfs sysfs /sys
# Mounted again inside the cgroup namespace, so that libvirt sees no other host's control groups.
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" 2>/dev/null ||
        rmdir "/sys/fs/cgroup/$controller"
done
if [ -z "$(ls /sys/fs/cgroup)" ]; then
    umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
for place in /run /root /etc/libvirt/secrets /var/lib/libvirt /var/log/libvirt "$datastores"; do
    mount -t tmpfs -o mode=755 tmpfs "$place"
done
for place in innkeeper cache; do mkdir -p "$folder/$place"; done
mount --bind "$folder/innkeeper" /var/lib/innkeeper
mount --bind "$folder/cache" /var/cache/libvirt
mkdir -p /run/sshd /run/lock /var/log/libvirt/qemu
# Two machines with one identity are one machine to libvirt; where there is none it makes one up.
for identity in /sys/devices/virtual/dmi/id/product_uuid /sys/class/dmi/id/product_uuid; do
    if [ -e $identity ]; then mount --bind "$folder/product_uuid" $identity; fi
done
hostname "$name"
ip link set lo up
ip link set eth0 up
ip link set eth1 up
ip addr add "$address/24" dev eth0
ip route add default via "${address%.*}.1"
/usr/sbin/sshd -f "$folder/sshd_config" -E "$folder/sshd.log"
/usr/bin/python3 "$folder/agent.pyz" --libvirt-start "$folder/libvirt" 2>>"$folder/libvirt.log"
echo up
while :; do
    sleep 3600 &
    wait $! || true
done
