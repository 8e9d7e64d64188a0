"""Compare the graph with the tables, row by row: what is missing, extra or different, and its repair."""
