"""Hosts that deal with each other directly: files and guests go from one to the other."""
