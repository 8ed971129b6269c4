"""What runs guests: libvirt with QEMU."""
