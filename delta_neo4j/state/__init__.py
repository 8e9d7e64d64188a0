"""The records that outlive a run: ledger, dead letters, earlier mappings (Delta tables), and checkpoint folders."""
