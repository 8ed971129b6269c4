"""The journal of record: tables, group commit, event log, loading."""
