"""One module per long action: its request, its check and its table of steps."""
