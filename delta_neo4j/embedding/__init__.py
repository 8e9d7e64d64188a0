"""The embedding of distinct texts, each once per model; one file or folder per strategy."""
