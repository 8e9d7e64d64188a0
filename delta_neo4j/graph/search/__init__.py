"""Searches in the loaded graph."""
