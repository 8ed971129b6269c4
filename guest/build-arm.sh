#!/bin/bash
# build-arm.sh OUT.qcow2: a small guest for 64-bit ARM, made from Debian's arm64 packages only.
#
# A disk that UEFI boots: GRUB, Debian's cloud kernel, and an initial RAM disk that is the whole system (busybox: the
# address of its context, a web server that tells about the guest). Runs in 256 MiB.
# Needs `arm` of scripts/debian-packages.txt. Kept in INN_CACHE under a hash of its inputs, as the other images are.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=guest/lib.sh
. "$here/lib.sh"

out=${1:?usage: build-arm.sh OUT.qcow2}
modules="virtio_pci virtio_blk virtio_net isofs evdev"

# An apt of its own, which knows arm64 and nothing of this machine's packages.
arm_apt() { # COMMAND...
    local state=$work/apt
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    : >>"$state/status"
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$state/lists" \
        -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" -o APT::Sandbox::User=root "$@"
}

fetch_packages() {
    arm_apt update >"$work/apt.log" 2>&1 || die "apt-get update failed: $(tail -n 1 "$work/apt.log")"
    mkdir -p "$work/tree"
    (cd "$work" && arm_apt download linux-image-cloud-arm64 >apt.log 2>&1 &&
        arm_apt download "$(dpkg-deb -f linux-image-cloud-arm64_*.deb Depends | cut -d' ' -f1)" \
            busybox-static grub-efi-arm64-bin >apt.log 2>&1) || die "cannot download: $(tail -n 1 "$work/apt.log")"
    for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/tree"; done
    kernel_tree=$work/tree
    depmod -b "$kernel_tree" "$(kernel_release)"
}

build_system() { # OUT: the initial RAM disk
    local tree=$work/system applet
    mkdir -p "$tree"/{bin,dev,mnt,proc,run,sys,www/cgi-bin}
    cp "$kernel_tree/bin/busybox" "$tree/bin/"
    for applet in sh mount modprobe ip httpd ipcalc sed cat ls sleep hostname uname poweroff acpid getty setsid; do
        ln -s busybox "$tree/bin/$applet"
    done
    # shellcheck disable=SC2086
    copy_modules "$tree" $modules
    install -D -m 755 "$here/arm/power" "$tree/etc/acpi/PWRF/00000080"
    install -m 755 "$here/arm/init" "$tree/init"
    install -m 755 "$here/arm/info" "$tree/www/cgi-bin/info"
    pack_initramfs "$tree" "$1"
}

build() { # ENTRY
    mkdir -p "$1.part"
    fetch_packages
    build_system "$1.part/initrd"
    cp "$kernel_tree"/boot/vmlinuz-* "$1.part/kernel"
    truncate -s 64M "$work/disk.raw"
    mkfs.vfat -n TINYARM -i 1a2b3c4d "$work/disk.raw" >/dev/null
    mmd -i "$work/disk.raw" ::/EFI ::/EFI/BOOT ::/EFI/debian
    mcopy -i "$work/disk.raw" "$kernel_tree/usr/lib/grub/arm64-efi/monolithic/grubaa64.efi" ::/EFI/BOOT/BOOTAA64.EFI
    mcopy -i "$work/disk.raw" "$here/arm/grub.cfg" ::/EFI/debian/grub.cfg
    mcopy -i "$work/disk.raw" "$1.part/kernel" ::/kernel
    mcopy -i "$work/disk.raw" "$1.part/initrd" ::/initrd
    qemu-img convert -f raw -O qcow2 -c "$work/disk.raw" "$1.part/image.qcow2"
    rm -rf "$1"
    mv "$1.part" "$1"
}

need_commands mkfs.vfat mcopy mmd depmod cpio qemu-img flock
lock_cache
entry=$cache/guest/arm-$(content_key "build-arm.sh lib.sh arm" "kmod mtools dosfstools" "$(date +%Y-%m)")
if [ ! -d "$entry" ]; then
    say "building the small ARM guest's image"
    work=$(mktemp -d)
    trap 'rm -rf "$work" "$entry.part"' EXIT
    build "$entry"
fi
deliver "$entry" "$out"
say "$out ($(($(stat -c %s "$out") / 1048576)) MiB)"
