"""Our own endpoints beside XML-RPC: what the command line shows that OpenNebula's API has no call for."""
