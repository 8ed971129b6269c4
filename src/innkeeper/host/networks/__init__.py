"""Bridges, and the rules that go with them."""
