"""The report of a run, as JSON for programs and as text for the terminal."""
