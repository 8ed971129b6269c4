"""Links to agents, dispatch of instructions, monitoring."""
