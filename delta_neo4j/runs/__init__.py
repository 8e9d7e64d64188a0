"""The work of each command, one file a command, and the parts that all runs share: preflight, prepare, report."""
