"""The command `plan`: how many rows and texts a load would read, how long it would take and what it would cost."""
