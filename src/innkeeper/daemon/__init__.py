"""The daemon: wires the rooms together."""
