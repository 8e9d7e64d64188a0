"""The command `mapping init`: a mapping file drafted from a Delta table."""
