"""The ledger: money and shares move through here and nowhere else."""
