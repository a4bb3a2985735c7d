"""The database's history, forward only: a numbered SQL file and the revision that runs it."""
