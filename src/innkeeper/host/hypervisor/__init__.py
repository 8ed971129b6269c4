"""What runs guests, all through libvirt.

`Hypervisor` (`libvirt_qemu.py`) is the contract and its implementation with QEMU. Another hypervisor is a class that
says what differs: its connection, where it keeps things, how a guest is described to it, how it is asked to stop, what
it counts (`libvirt_lxc.py`). Which of its guests can do what, the front end knows (`model/hypervisors.py`).
"""
