"""OpenNebula's XML-RPC protocol."""
