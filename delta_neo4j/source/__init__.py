"""The rows of a Delta table: read, typed, validated, ranked and frozen."""
