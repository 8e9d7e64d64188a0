"""The embedding model: its weights, the served form of them, and its place in a registry."""
