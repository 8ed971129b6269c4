"""Where a VM runs, and why: pure."""
