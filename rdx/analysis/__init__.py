"""Tables and figures over finished runs: read from their plain files, nothing is computed again."""
