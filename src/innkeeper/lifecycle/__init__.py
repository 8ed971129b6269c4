"""What each event does to the objects: pure."""
