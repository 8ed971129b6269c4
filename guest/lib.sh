# What the image builders share. Source it; needs `set -euo pipefail` in the caller.
#
# Theory of operation: everything is put together from Debian packages as plain files, and every
# result is a function of those files: times, identifiers and orders are fixed, so that the same
# inputs give the same image, byte for byte. The small file system is written by debugfs, one
# command a file, because mke2fs -d copies the change times of this machine's files. No loop
# device, no mount and no running guest is needed.
#
# INN_CACHE=DIR  where built images and the unpacked kernel are kept (default /var/cache/innkeeper)

export SOURCE_DATE_EPOCH=1700000000
export E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH
cache=${INN_CACHE:-/var/cache/innkeeper}
root_uuid=6ef3ff2f-a5b7-4d2c-8f7c-96f1b5ae6b9d
disk_label_id=0x1a2b3c4d
first_sector=2048

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
die() { say "$*"; exit 1; }

need_commands() {
    local each missing=()
    for each in "$@"; do command -v "$each" >/dev/null || missing+=("$each"); done
    [ ${#missing[@]} -eq 0 ] || die "missing commands: ${missing[*]} (make setup installs them)"
}

# A hash of: the sources of the image (paths below $here, and contents), versions of the Debian packages that
# its content comes from, and whatever else decides it (arguments).
content_key() { # SOURCES PACKAGES OTHER...
    local sources=$1 packages=$2
    shift 2
    {
        # shellcheck disable=SC2086
        (cd "$here" && find $sources -type f -printf '%m %p\n' | LC_ALL=C sort &&
            find $sources -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
        # shellcheck disable=SC2086
        dpkg-query -W -f '${Package} ${Version}\n' $packages
        printf '%s\n' "$@"
    } | sha256sum | cut -c1-32
}

# One builder at a time works on the cache; the lock goes with the process.
lock_cache() {
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
}

# Copies a finished entry of the cache: the image, and kernel and initrd for booting without GRUB.
deliver() { # ENTRY OUT
    mkdir -p "$(dirname "$2")"
    cp --reflink=auto "$1/kernel" "$2.kernel"
    cp --reflink=auto "$1/initrd" "$2.initrd"
    cp --reflink=auto "$1/image.qcow2" "$2.part"
    mv "$2.part" "$2"
}

kernel_candidate() { # "PACKAGE VERSION" of Debian's cloud kernel, as far as apt knows
    local package
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends:/ { print $2; exit }')
    [ -n "$package" ] || return 0
    printf '%s %s\n' "$package" "$(apt-cache policy "$package" | awk '/Candidate:/ { print $2 }')"
}

download_kernel() { # FOLDER PACKAGE
    (cd "$1" && apt-get download -q "$2" >download.log 2>&1) && return
    say "refreshing apt's package lists"
    apt-get update -q >"$1/update.log" 2>&1 || die "apt-get update failed: $(tail -n 1 "$1/update.log")"
    (cd "$1" && apt-get download -q "$(kernel_candidate | cut -d' ' -f1)" >download.log 2>&1) ||
        die "cannot download the kernel: $(tail -n 1 "$1/download.log")"
}

# Sets kernel_tree to a folder with the unpacked kernel package. Debian's package holds no module
# index (its installation makes it), so it is made here.
find_kernel() {
    local package version work
    read -r package version < <(kernel_candidate) || true
    if [ -z "${package:-}" ]; then
        kernel_tree=$(find "$cache/kernel" -mindepth 1 -maxdepth 1 2>/dev/null | sort -V | tail -n 1)
        [ -z "$kernel_tree" ] || return 0
        package=linux-image-cloud-amd64 version=newest
    fi
    kernel_tree=$cache/kernel/${package}_$version
    [ -d "$kernel_tree" ] && return
    say "downloading $package"
    work=$(mktemp -d "$cache/kernel.XXXXXX")
    download_kernel "$work" "$package"
    dpkg-deb -x "$work"/*.deb "$work/tree"
    depmod -b "$work/tree" "$(ls "$work/tree/lib/modules")"
    mkdir -p "$cache/kernel"
    mv "$work/tree" "$kernel_tree"
    rm -rf "$work"
}

kernel_release() { ls "$kernel_tree/lib/modules"; }

copy_modules() { # ROOT MODULE...
    local root=$1 release module file
    shift
    release=$(kernel_release)
    for module in "$@"; do
        modprobe -d "$kernel_tree" -S "$release" --show-depends "$module" 2>/dev/null |
            awk '$1 == "insmod" { print $2 }'
    done | sort -u | while read -r file; do
        install -D -m 644 "$file" "$root/${file#"$kernel_tree"/}"
    done
    cp "$kernel_tree/lib/modules/$release"/modules.{builtin,order} "$root/lib/modules/$release/"
    depmod -b "$root" "$release" 2>/dev/null
}

copy_programs() { # ROOT PATH...: each with the shared libraries that it loads
    local root=$1 program library
    shift
    for program in "$@"; do
        install -D -m 755 "$program" "$root$program"
        { ldd "$program" || true; } | grep -o '/[^ ]*' | while read -r library; do
            [ -e "$root$library" ] || install -D -m 755 "$(readlink -f "$library")" "$root$library"
        done
    done
}

pack_initramfs() { # TREE OUT
    find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    (cd "$1" && find . -print0 | LC_ALL=C sort -z |
        cpio --null -o -H newc --quiet --reproducible -R 0:0) | gzip -9 -n >"$2"
}

# The disk's frame: a partition table, GRUB's first stage in the boot sector and the rest of it,
# with its only menu entry built in, in the gap before the partition.
make_bootable_disk() { # RAW SIZE_MB GRUB_CONFIG
    local raw=$1 core
    core=$(mktemp)
    grub-mkimage -O i386-pc -p /boot/grub -c "$3" -o "$core" \
        biosdisk part_msdos ext2 linux serial normal boot
    [ "$(stat -c %s "$core")" -le $(((first_sector - 1) * 512)) ] || die "GRUB does not fit in the gap"
    truncate -s "$2M" "$raw"
    printf 'label: dos\nlabel-id: %s\nstart=%s, type=83, bootable\n' $disk_label_id $first_sector |
        sfdisk -q "$raw"
    dd if=/usr/lib/grub/i386-pc/boot.img of="$raw" bs=440 count=1 conv=notrunc status=none
    dd if="$core" of="$raw" bs=512 seek=1 conv=notrunc status=none
    rm -f "$core"
}

make_root_file_system() { # RAW LABEL MKE2FS_ARGUMENTS...
    local raw=$1 label=$2 kilobytes
    shift 2
    kilobytes=$((($(stat -c %s "$raw") - first_sector * 512) / 1024))
    mke2fs -q -t ext4 -b 4096 -L "$label" -U $root_uuid -O ^metadata_csum_seed \
        -E "offset=$((first_sector * 512)),root_owner=0:0,hash_seed=$root_uuid" "$@" "$raw" "${kilobytes}k"
}

debugfs_commands() { # TREE: what writes it, owned by root, parents first
    (cd "$1" && find . -mindepth 1 -printf '%P\t%y\t%m\t%l\n' | LC_ALL=C sort) |
        awk -F '\t' -v tree="$1" '
            $2 == "d" { print "mkdir /" $1; print "set_inode_field /" $1 " mode 04" sprintf("%04d", $3) }
            $2 == "f" { print "write " tree "/" $1 " /" $1; print "set_inode_field /" $1 " mode 010" sprintf("%04d", $3) }
            $2 == "l" { print "symlink /" $1 " " $4 }'
}

write_tree() { # RAW TREE
    local commands errors
    commands=$(mktemp) errors=$(mktemp)
    debugfs_commands "$2" >"$commands"
    debugfs -w -f "$commands" "$1?offset=$((first_sector * 512))" >/dev/null 2>"$errors"
    if grep -v '^debugfs ' "$errors" | head -n 5 | grep .; then die "debugfs could not write the files"; fi
    rm -f "$commands" "$errors"
}
