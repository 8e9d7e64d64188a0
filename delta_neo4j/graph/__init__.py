"""Everything that reads or changes the graph: schema, passes, deletes and search, all over Bolt."""
