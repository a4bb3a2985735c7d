"""The files of the write-ahead log: their names, whether any is missing, and when what is in them was committed.

A segment's name is its timeline and its number in hexadecimal. What is being received ends in ``.partial``: as long as
a whole segment, with zeros where nothing has come yet.
"""

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.infra.backup.tools import look

_NAME: Final = re.compile(r"[0-9A-F]{24}(\.partial)?")
_COMMITTED: Final = re.compile(r"desc: COMMIT\w* (?:\S+: )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")
_PAGE: Final = struct.Struct("<HHIQI")  # magic, flags, timeline, address, what is left of a record begun before
_CONTINUES: Final = 1


@dataclass(frozen=True, slots=True)
class Log:
    """An unbroken run of segments, by number. ``missing`` names the first that is not there though later ones are."""

    files: dict[int, Path]
    missing: str | None

    @property
    def last(self) -> int:
        """The last that anything was written to."""
        return max((number for number, path in self.files.items() if _begun(path)), default=min(self.files))


def number_of(name: str, segment_bytes: int) -> int:
    """A segment's number: how many come before it."""
    return int(name[8:16], 16) * (2**32 // segment_bytes) + int(name[16:24], 16)


def name_of(timeline: int, number: int, segment_bytes: int) -> str:
    """A segment's name."""
    high, low = divmod(number, 2**32 // segment_bytes)
    return f"{timeline:08X}{high:08X}{low:08X}"


def position_of(lsn: str) -> int:
    """A position in the log, which PostgreSQL writes as two halves."""
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)


def log_from(first: str, segment_bytes: int, *folders: Path) -> Log:
    """The segments from ``first`` on that lie in any of the folders, as far as they follow each other."""
    timeline, start = int(first[:8], 16), number_of(first, segment_bytes)
    found: dict[int, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"{timeline:08X}*")) if folder.is_dir() else ():
            # A file that is cut short is as good as missing: recovery would end there without a word.
            if _NAME.fullmatch(path.name) and path.stat().st_size == segment_bytes:
                number = number_of(path.name, segment_bytes)
                found[number] = _fuller(found.get(number), path)
    end = start
    while end in found:
        end += 1
    missing = name_of(timeline, end, segment_bytes) if end == start or end <= max(found, default=0) else None
    return Log({number: found[number] for number in range(start, end)}, missing)


def timelines(folder: Path) -> set[int]:
    """Which histories the segments in a folder belong to."""
    return {int(path.name[:8], 16) for path in folder.glob("*") if _NAME.fullmatch(path.name)}


def last_commit(folder: Path, names: list[str]) -> datetime | None:
    """When the last transaction in these segments was committed."""
    for name in reversed(names):
        # Where the log ends in the middle of a segment, the program says so and fails: what it found counts.
        _, found, _ = look("pg_waldump", "--rmgr=Transaction", folder / name)
        times = _COMMITTED.findall(found)
        if times:
            return datetime.fromisoformat(max(times)).replace(tzinfo=UTC)
    return None


def continues(path: Path) -> bool:
    """Whether the segment begins with the rest of a record that began in the one before."""
    with path.open("rb") as file:
        _, flags, *_ = _PAGE.unpack(file.read(_PAGE.size))
    return bool(flags & _CONTINUES)


def _begun(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) != b"\0\0"


def _fuller(one: Path | None, other: Path) -> Path:
    """Of two copies of a segment, of which one may have been cut off while it was received, the one with more in it."""
    if one is None:
        return other
    return max(one, other, key=lambda path: len(path.read_bytes().rstrip(b"\0")))
