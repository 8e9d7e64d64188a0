"""The load of one micro-batch, from its rows to its ledger row; `batch` has the order of the steps."""
