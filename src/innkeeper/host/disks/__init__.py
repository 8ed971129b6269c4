"""Disk files and disk images, by way of qemu-img and genisoimage."""
