#!/bin/bash
# build-debian.sh OUT.qcow2: a whole Debian 12 with systemd, ssh and cloud-init, which reads the
# context CD with its OpenNebula data source. Takes minutes; wants 512 MiB of memory.
#
# Built from Debian packages by mmdebstrap. Beside OUT it leaves OUT.kernel and OUT.initrd. The
# result is kept in INN_CACHE under a hash of the files here: remove it there to take in newer
# packages. Not the same bytes twice: mke2fs and the packages' scripts write times and keys.
# Environment: INN_CACHE=DIR, SIZE_MB=2048 (the disk's virtual size).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=guest/lib.sh
. "$here/lib.sh"

out=${1:?usage: build-debian.sh OUT.qcow2}
size_mb=${SIZE_MB:-2048}

bootstrap() { # TREE
    local include
    include=$(paste -sd, "$here/debian/packages.txt")
    say "installing Debian into a folder (minutes)"
    mmdebstrap --quiet --variant=minbase --include="$include" bookworm "$work/root.tar" 2>"$work/log" ||
        die "mmdebstrap failed: $(tail -n 3 "$work/log")"
    mkdir "$1"
    tar -xf "$work/root.tar" -C "$1" --numeric-owner --exclude='./dev/*'
    rm "$work/root.tar"
}

# What must differ between guests is made at their first boot; what only costs time is off.
prepare() { # TREE
    local tree=$1 unit
    cp -R "$here/debian/files/." "$tree/"
    : >"$tree/etc/machine-id"
    rm -f "$tree"/etc/ssh/ssh_host_*
    for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
        ln -sf /dev/null "$tree/etc/systemd/system/$unit"
    done
    ln -sf "$(basename "$tree"/boot/vmlinuz-*)" "$tree/boot/vmlinuz"
    ln -sf "$(basename "$tree"/boot/initrd.img-*)" "$tree/boot/initrd"
}

build() { # ENTRY
    mkdir -p "$1.part"
    bootstrap "$work/root"
    prepare "$work/root"
    sed 's/@LABEL@/debroot/' "$here/grub.cfg" >"$work/grub.cfg"
    make_bootable_disk "$work/disk.raw" "$size_mb" "$work/grub.cfg"
    say "writing the disk"
    make_root_file_system "$work/disk.raw" debroot -d "$work/root"
    qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd "$work/disk.raw" "$1.part/image.qcow2"
    cp -L "$work/root/boot/vmlinuz" "$1.part/kernel"
    cp -L "$work/root/boot/initrd" "$1.part/initrd"
    rm -rf "$1"
    mv "$1.part" "$1"
}

need_commands mmdebstrap grub-mkimage mke2fs sfdisk qemu-img flock
lock_cache
entry=$cache/guest/debian-$(content_key "build-debian.sh lib.sh grub.cfg debian" "grub-pc-bin" "$size_mb")
if [ ! -d "$entry" ]; then
    work=$(mktemp -d "$cache/debian.XXXXXX")
    trap 'rm -rf "$work" "$entry.part"' EXIT
    build "$entry"
fi
deliver "$entry" "$out"
say "$out ($(($(stat -c %s "$out") / 1048576)) MiB)"
