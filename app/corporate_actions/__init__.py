"""What companies do to their shares, and what it does to everybody who has some."""
