"""From a Delta table to a first mapping: what its columns look like, what the graph may be, the file's text."""
