"""What lies in a backup's folder: ``base-<UTC time>/`` for each base backup, ``wal/`` for the log that was received.

A base backup is ``data/`` (the database's files with PostgreSQL's manifest) and ``base.json``, which is written last:
without it the backup is unfinished, and nobody takes it for one.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.infra.backup.tools import BackupError

_DESCRIPTION = "base.json"


@dataclass(frozen=True, slots=True)
class Base:
    """A base backup that is whole and was verified. ``ended`` is the first moment that it can be restored to.

    ``first_segment`` is the WAL file from which recovery begins; ``settings`` are what queries depend on.
    """

    folder: Path
    began: datetime
    ended: datetime
    system: str
    version: int
    timeline: int
    first_segment: str
    segment_bytes: int
    database: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"


def wal_folder(folder: Path) -> Path:
    """Where the log is received."""
    return folder / "wal"


def base_folder(folder: Path, at: datetime) -> Path:
    """Where a base backup that begins now goes."""
    return folder / f"base-{at.astimezone(UTC):%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z"


def bases(folder: Path) -> list[Base]:
    """The base backups in a folder, oldest first."""
    if not folder.is_dir():
        raise BackupError(f"there is no folder {folder}: `wealthgraph backup {folder}` makes a backup there")
    found = [_read(each.parent) for each in folder.glob(f"base-*/{_DESCRIPTION}")]
    return sorted(found, key=lambda base: base.ended)


def unfinished(folder: Path) -> list[Path]:
    """What a backup that was interrupted left behind. Hold the folder's lock, or one may be under way."""
    return [each for each in folder.glob("base-*") if not (each / _DESCRIPTION).exists()]


def newest_before(folder: Path, at: datetime | None) -> Base:
    """The newest base backup that had ended by then (of all, without a time)."""
    found = bases(folder)
    if not found:
        raise BackupError(f"{folder} holds no finished base backup: `wealthgraph backup {folder}` makes one")
    usable = [base for base in found if at is None or base.ended <= at]
    if not usable:
        raise BackupError(
            f"{at:%Y-%m-%d %H:%M:%S.%f} UTC is before the oldest base backup was ready, at"
            f" {found[0].ended:%Y-%m-%d %H:%M:%S.%f} UTC: ask for a later time"
        )
    return usable[-1]


def keep(base: Base) -> None:
    """Write the description, durably: from now on it counts."""
    described = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(base).items()
        if name != "folder"
    }
    draft = base.folder / f"{_DESCRIPTION}.draft"
    with draft.open("w") as file:
        json.dump(described, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(base.folder / _DESCRIPTION)
    for place in (base.folder, base.folder.parent):
        descriptor = os.open(place, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def discount(base: Base) -> None:
    """From now on it does not count any more."""
    (base.folder / _DESCRIPTION).unlink()


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Nobody else does ``what`` in this folder meanwhile. The end of the process, in any way, releases it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / f"{what}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"another process is busy in {folder} ({what}): wait for it, or end it") from None
        yield
    finally:
        os.close(lock)


def _read(folder: Path) -> Base:
    try:
        read: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text())
        read |= {name: datetime.fromisoformat(read[name]) for name in ("began", "ended")}
        return Base(folder, **read)
    except (ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{folder / _DESCRIPTION} can't be read ({error}): remove {folder}") from error
