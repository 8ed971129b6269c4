"""Virtual clock, simulated fleet, faults."""
