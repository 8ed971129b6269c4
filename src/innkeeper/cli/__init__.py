"""The command `inn`."""
