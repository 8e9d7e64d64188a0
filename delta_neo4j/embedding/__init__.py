"""Texts to vectors: one seam (`base`), a strategy a file, and the cache that pays for each text once."""
