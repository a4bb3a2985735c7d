"""The firm's books: trial balance, daily close, journals by hand, reconciliation, exports."""
