# The root file system grows into the space behind it (unless GROW_ROOTFS=NO) whenever the context
# is applied: at boot, and when the CD or the NICs change.
smallest_growth=2048 # sectors of 512 bytes

apply_growth() {
    [ "$GROW_ROOTFS" = NO ] && return
    local root partition disk
    root=$(findfs LABEL=tinyroot 2>/dev/null)
    [ -n "$root" ] || return # a container's is a folder
    partition=${root##*/}
    disk=$(basename "$(readlink -f "/sys/class/block/$partition/..")")
    [ "$(room_behind "$disk" "$partition")" -gt $smallest_growth ] || return
    echo ', +' | sfdisk -q --no-reread --force -N 1 "/dev/$disk" >/dev/null 2>&1
    partx -u --nr 1 "/dev/$disk"
    resize2fs "$root" >/dev/null 2>&1
}

room_behind() { # DISK PARTITION: sectors that no partition uses
    local here=/sys/class/block
    echo $(($(cat $here/$1/size) - $(cat $here/$2/start) - $(cat $here/$2/size)))
}
