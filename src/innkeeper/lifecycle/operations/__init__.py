"""One module per long action: its steps, each with do, undo and why."""
