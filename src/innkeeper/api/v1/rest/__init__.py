"""REST: resources and actions over the same commands as all other protocols. `resources.py` is the table."""
