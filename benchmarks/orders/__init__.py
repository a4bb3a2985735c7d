"""What the order engine does at full load, at half of it, over HTTP, at the open, and with one very large order."""
