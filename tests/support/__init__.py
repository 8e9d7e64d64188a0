"""Real parts and small helpers that several tests use."""
