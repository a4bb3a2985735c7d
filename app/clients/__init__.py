"""Investors' accounts: opening, closing, finding. People themselves belong to the identity room."""
