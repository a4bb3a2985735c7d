"""Where orders are dealt: the port, and what stands behind it."""
