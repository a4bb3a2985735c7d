"""Base backups, the write-ahead log (WAL) beside them, and restoring to a point in time."""
