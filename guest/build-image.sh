#!/bin/bash
# build-image.sh OUT.qcow2: the small guest, made from Debian packages only.
#
# MBR and GRUB, one ext4 partition, Debian's cloud kernel, busybox, an ssh server (22), a web
# server (80: /cgi-bin/info tells about the guest), TCP echo (7), a root shell on the first serial
# port, the ACPI power button, and context from a CD labelled CONTEXT (see files/sbin/context-apply).
# Runs in 96 MiB. Beside OUT it leaves OUT.kernel and OUT.initrd, for booting without GRUB (append
# "root=LABEL=tinyroot console=ttyS0").
#
# The same inputs give the same bytes; they are kept in INN_CACHE under a hash of the inputs.
# Environment: INN_CACHE=DIR, SIZE_MB=64 (the disk's virtual size).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=guest/lib.sh
. "$here/lib.sh"

out=${1:?usage: build-image.sh OUT.qcow2}
size_mb=${SIZE_MB:-64}
packages="busybox-static dropbear-bin nftables grub-common grub-pc-bin e2fsprogs fdisk util-linux libc6 kmod cpio qemu-utils"
programs="/usr/sbin/dropbear /usr/bin/dropbearkey /sbin/resize2fs /sbin/sfdisk /usr/bin/partx /usr/sbin/nft"
boot_modules="virtio_pci virtio_blk virtio_scsi sd_mod ata_piix xen_blkfront ext4"
modules="$boot_modules sr_mod isofs virtio_net virtio_console virtio_rng virtio_balloon xen_netfront button evdev nls_ascii
 nf_tables nf_nat nft_chain_nat nft_nat nft_masq"

build_initramfs() { # OUT
    local tree=$work/initramfs applet
    mkdir -p "$tree"/{bin,dev,proc,sys,newroot}
    cp /bin/busybox "$tree/bin/"
    for applet in sh mount modprobe switch_root sleep findfs echo; do ln -s busybox "$tree/bin/$applet"; done
    # shellcheck disable=SC2086
    copy_modules "$tree" $boot_modules
    install -m 755 "$here/initramfs/init" "$tree/init"
    pack_initramfs "$tree" "$1"
}

build_tree() { # TREE INITRD
    local tree=$1 applet
    mkdir -p "$tree"/{bin,boot,dev,etc/dropbear,lib64,mnt,proc,root/.ssh,run,sbin,sys,tmp,var/log}
    cp /bin/busybox "$tree/bin/"
    for applet in $(/bin/busybox --list); do
        case $applet in busybox | init) ;; *) ln -s busybox "$tree/bin/$applet" ;; esac
    done
    # shellcheck disable=SC2086
    copy_modules "$tree" $modules
    # shellcheck disable=SC2086
    copy_programs "$tree" $programs
    cp -R "$here/files/." "$tree/"
    cp "$kernel_tree/boot/vmlinuz-$(kernel_release)" "$tree/boot/vmlinuz"
    cp "$2" "$tree/boot/initrd"
    find "$tree" -type d -exec chmod 755 {} +
    find "$tree/etc" "$tree/lib/context" "$tree/www" -type f ! -perm -100 -exec chmod 644 {} +
    chmod 700 "$tree/root" "$tree/root/.ssh"
    chmod 600 "$tree/etc/shadow"
    chmod 1777 "$tree/tmp"
}

build() { # ENTRY
    mkdir -p "$1.part"
    build_initramfs "$1.part/initrd"
    build_tree "$work/root" "$1.part/initrd"
    sed 's/@LABEL@/tinyroot/' "$here/grub.cfg" >"$work/grub.cfg"
    make_bootable_disk "$work/disk.raw" "$size_mb" "$work/grub.cfg"
    make_root_file_system "$work/disk.raw" tinyroot -O ^has_journal
    write_tree "$work/disk.raw" "$work/root"
    qemu-img convert -f raw -O qcow2 -c "$work/disk.raw" "$1.part/image.qcow2"
    cp "$work/root/boot/vmlinuz" "$1.part/kernel"
    rm -rf "$1"
    mv "$1.part" "$1"
}

need_commands busybox dropbear grub-mkimage mke2fs debugfs sfdisk depmod cpio qemu-img flock
lock_cache
find_kernel
entry=$cache/guest/tiny-$(content_key "build-image.sh lib.sh grub.cfg files initramfs" "$packages" "$(basename "$kernel_tree")" "$size_mb")
if [ ! -d "$entry" ]; then
    say "building the small guest image"
    work=$(mktemp -d)
    trap 'rm -rf "$work" "$entry.part"' EXIT
    build "$entry"
fi
deliver "$entry" "$out"
say "$out ($(($(stat -c %s "$out") / 1048576)) MiB)"
