"""Where checkpoints go so that they can't be taken back: a port, and a folder of files behind it by default.

The folder is worth as much as the distance between it and the database: put it on a machine, or into a store, that
the database's administrators can't write to, or hand its files on to somebody else.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class AlreadyPublished(Exception):
    """Another checkpoint of that size was published before. It stays."""


class Publisher(Protocol):
    """Takes checkpoints, and gives them back as they were. Blocking: call it from a thread."""

    def publish(self, origin: str, size: int, note: str) -> None:
        """Make it public for good; it is when this returns. Publishing it again changes nothing.

        Raises ``AlreadyPublished`` if another one of that size is there.
        """

    def newest(self, origin: str) -> int | None:
        """The size of the largest checkpoint of a log that was published, if any was."""

    def sizes(self, origin: str) -> Sequence[int]:
        """The sizes of all published checkpoints of a log, in ascending order."""

    def read(self, origin: str, size: int) -> str:
        """A published checkpoint, as it was published."""


#: Checkpoints up to this power of two apart share a folder, so that none grows so large that looking into it is slow.
_SHARD_BITS = 16
_NAME = "*.checkpoint"


class FilePublisher:
    """A folder for each log, with folders by size in it, and in these a file for each checkpoint."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, origin: str, size: int, note: str) -> None:
        path = self._path(origin, size)
        folder = path.parent
        _make(folder)
        draft = folder / f".{path.name}.{secrets.token_hex(4)}"
        try:
            with draft.open("xb") as file:
                file.write(note.encode())
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, never takes the place of what is there.
            path.hardlink_to(draft)
        except FileExistsError:
            if path.read_bytes() != note.encode():
                raise AlreadyPublished(f"another checkpoint of {origin} at {size} stands in {path}") from None
        finally:
            draft.unlink(missing_ok=True)
        _sync(folder)

    def newest(self, origin: str) -> int | None:
        for folder in sorted(self._shards(origin), reverse=True):
            if sizes := _sizes_in(folder):
                return max(sizes)
        return None

    def sizes(self, origin: str) -> list[int]:
        return sorted(size for folder in self._shards(origin) for size in _sizes_in(folder))

    def read(self, origin: str, size: int) -> str:
        return self._path(origin, size).read_bytes().decode()

    def _shards(self, origin: str) -> list[Path]:
        folder = self._of(origin)
        return [path for path in folder.iterdir() if path.name.isdigit()] if folder.exists() else []

    def _of(self, origin: str) -> Path:
        # An origin has slashes; it is ours, but let it not lead anywhere else.
        return self._folder.joinpath(*(part for part in origin.split("/") if part.strip(".")))

    def _path(self, origin: str, size: int) -> Path:
        return self._of(origin) / f"{size >> _SHARD_BITS:015}" / f"{size:020}.checkpoint"


def _sizes_in(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob(_NAME) if path.stem.isdigit()]


def _make(folder: Path) -> None:
    """Make the folder and those above it, durably."""
    if not folder.exists():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make the folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
