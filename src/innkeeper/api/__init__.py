"""One package per protocol, no rules in them."""
