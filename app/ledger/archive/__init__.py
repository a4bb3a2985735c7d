"""Old partitions of the log as Parquet in a folder or an object store: written, checked from there, then detached."""
