"""Money in and out. For now an instant sandbox rail; banks and ACH get their adapters here."""
