#!/bin/bash
# build-xen.sh OUT.qcow2: a whole Debian 12 under Xen, with libvirt and ssh: a host for the tests.
# Takes minutes; wants 2 GiB of memory.
#
# Beside OUT it leaves OUT.xen, OUT.kernel and OUT.initrd: QEMU starts Xen by its multiboot header
# (-kernel OUT.xen -initrd "OUT.kernel root=/dev/vda ...,OUT.initrd"); the disk has no boot loader.
# What the machine is called, where it is and who may log in, its kernel's command line says
# (xen/files/usr/local/sbin/lab-identity). The result is kept in INN_CACHE under a hash of the
# files here: remove it there to take in newer packages. Not the same bytes twice.
# Environment: INN_CACHE=DIR, SIZE_MB=4096 (the disk's virtual size).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=guest/lib.sh
. "$here/lib.sh"

out=${1:?usage: build-xen.sh OUT.qcow2}
size_mb=${SIZE_MB:-4096}

# An initial RAM disk with every driver costs an emulated machine half a minute.
small_initramfs() { # HOOK_SCRIPT
    cat >"$1" <<'END'
#!/bin/sh
set -e
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/etc/initramfs-tools/hooks"
printf 'MODULES=list\nCOMPRESS=gzip\n' >"$1/etc/initramfs-tools/conf.d/small"
cat >"$1/etc/initramfs-tools/hooks/disk" <<'HOOK'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules virtio_pci virtio_blk ext4
HOOK
chmod 755 "$1/etc/initramfs-tools/hooks/disk"
END
    chmod 755 "$1"
}

bootstrap() { # TREE
    local include
    include=$(paste -sd, "$here/xen/packages.txt")
    small_initramfs "$work/small"
    say "installing Debian and Xen into a folder (minutes)"
    mmdebstrap --quiet --variant=minbase --include="$include" --essential-hook="$work/small" \
        bookworm "$work/root.tar" 2>"$work/log" || die "mmdebstrap failed: $(tail -n 3 "$work/log")"
    mkdir "$1"
    tar -xf "$work/root.tar" -C "$1" --numeric-owner --exclude='./dev/*'
    rm "$work/root.tar"
}

prepare() { # TREE
    local tree=$1 unit
    cp -R "$here/xen/files/." "$tree/"
    : >"$tree/etc/machine-id"
    rm -f "$tree"/etc/ssh/ssh_host_*
    for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
        dpkg-db-backup.timer logrotate.timer libvirt-guests.service xendomains.service; do
        ln -sf /dev/null "$tree/etc/systemd/system/$unit"
    done
    mkdir -p "$tree/etc/systemd/system/sysinit.target.wants"
    ln -sf ../lab-identity.service "$tree/etc/systemd/system/sysinit.target.wants/"
}

build() { # ENTRY
    mkdir -p "$1.part"
    bootstrap "$work/root"
    prepare "$work/root"
    cp -L "$work"/root/boot/vmlinuz-* "$1.part/kernel"
    cp -L "$work"/root/boot/initrd.img-* "$1.part/initrd"
    gunzip -c "$work"/root/boot/xen-4*.gz >"$1.part/xen"
    say "writing the disk"
    truncate -s "${size_mb}M" "$work/disk.raw"
    mke2fs -q -t ext4 -b 4096 -L xenroot -d "$work/root" "$work/disk.raw"
    qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd "$work/disk.raw" "$1.part/image.qcow2"
    rm -rf "$1"
    mv "$1.part" "$1"
}

need_commands mmdebstrap mke2fs qemu-img flock gunzip
lock_cache
entry=$cache/guest/xen-$(content_key "build-xen.sh lib.sh xen" "e2fsprogs" "$size_mb")
if [ ! -d "$entry" ]; then
    work=$(mktemp -d "$cache/xen.XXXXXX")
    trap 'rm -rf "$work" "$entry.part"' EXIT
    build "$entry"
fi
cp --reflink=auto "$entry/xen" "$out.xen"
deliver "$entry" "$out"
say "$out ($(($(stat -c %s "$out") / 1048576)) MiB)"
