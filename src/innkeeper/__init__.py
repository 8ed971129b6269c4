"""Innkeeper: a virtual infrastructure engine."""

__version__ = "0.1.0"
