"""The agent: runs alone on a host; standard library and libvirt only."""
