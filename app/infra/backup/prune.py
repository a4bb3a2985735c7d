"""Removes base backups, and the log from before them, that nobody needs any more."""

import shutil
from pathlib import Path

from app.infra.backup.folder import Base, bases, discount, locked, unfinished, wal_folder
from app.infra.backup.tools import BackupError, look


def prune(folder: Path, keep: int) -> list[Base]:
    """Keep the newest base backups and the log since the oldest of them; answers the ones that went."""
    if keep < 1:
        raise BackupError(f"at least one base backup must be kept, not {keep}")
    with locked(folder, "base"):
        known = bases(folder)
        old, kept = known[:-keep], known[-keep:]
        for base in old:
            discount(base)  # first, so that one that is half gone is never restored
            shutil.rmtree(base.folder)
        for leftover in unfinished(folder):
            shutil.rmtree(leftover)
        if kept and wal_folder(folder).is_dir():
            oldest = min(base.first_segment for base in kept)
            status, _, said = look("pg_archivecleanup", wal_folder(folder), oldest)
            if status != 0:
                raise BackupError(f"the log before {oldest} could not be removed from {wal_folder(folder)}: {said}")
    return old
