"""The strategy `rest`: requests to a served model over HTTP."""
