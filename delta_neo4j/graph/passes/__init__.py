"""The passes, which run in Spark tasks: a file per pass, with its columns, conversion and counts."""
