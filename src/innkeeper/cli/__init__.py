"""The command ."""
