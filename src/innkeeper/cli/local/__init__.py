"""The cloud on this machine: what `inn up`, `inn down` and `inn status` do.

An API client like the rest of `cli/`, which besides knows where the front end keeps its files.
"""
