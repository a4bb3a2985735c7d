"""Checks a base backup against PostgreSQL's own manifest: nothing is missing, more, or changed.

This is what ``pg_verifybackup`` does; the embedded wheel's copy of that program is broken (it crashes while it is
loaded), so the manifest is read here. Its format is documented and versioned.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.infra.backup.tools import BackupError, look

MANIFEST: Final = "backup_manifest"
_VERSIONS: Final = (1, 2)
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class WalRange:
    """WAL without which the base backup is worth nothing."""

    timeline: int
    start: str
    end: str


def verify(data: Path) -> list[WalRange]:
    """Check every file of a base backup; answers the WAL that it needs, which is there too, and readable.

    Raises ``BackupError`` that names what is damaged.
    """
    manifest = _read(data / MANIFEST)
    faults = [*_changed(data, manifest["Files"]), *_unknown(data, manifest["Files"])]
    ranges = [WalRange(each["Timeline"], each["Start-LSN"], each["End-LSN"]) for each in manifest["WAL-Ranges"]]
    faults += _unreadable(data, ranges)
    if faults:
        more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        shown = "".join(f"\n  {fault}" for fault in faults[:_SHOWN])
        raise BackupError(
            f"the base backup {data.parent} is damaged:{shown}{more}\nMove it away: an older one may do, with the WAL"
            " received since"
        )
    return ranges


def _read(path: Path) -> dict[str, Any]:
    """The manifest, whose last line is the checksum of all that comes before it."""
    try:
        written = path.read_bytes()
        above = written.rstrip(b"\n").rfind(b"\n") + 1
        manifest: dict[str, Any] = json.loads(written)
    except (OSError, ValueError) as error:
        raise BackupError(f"{path} can't be read ({error}): this base backup can't be trusted, use another") from error
    if manifest.get("Manifest-Checksum") != hashlib.sha256(written[:above]).hexdigest():
        raise BackupError(f"{path} was changed: this base backup can't be trusted, use another")
    if manifest.get("PostgreSQL-Backup-Manifest-Version") not in _VERSIONS:
        raise BackupError(f"{path} is of a version that is not known here: restore it with its own PostgreSQL")
    return manifest


def _changed(data: Path, files: list[dict[str, Any]]) -> Iterator[str]:
    with ThreadPoolExecutor() as pool:
        for fault in pool.map(lambda file: _fault_of(data, file), files):
            if fault:
                yield fault


def _fault_of(data: Path, file: dict[str, Any]) -> str | None:
    name = _name(file)
    path = data / name
    if not path.is_file():
        return f"{name} is missing"
    if path.stat().st_size != file["Size"]:
        return f"{name} has {path.stat().st_size} bytes, not {file['Size']}"
    if file.get("Checksum-Algorithm") != "SHA256":
        return f"{name} has no SHA-256 checksum: the backup was not made by `wealthgraph backup`"
    with path.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != file["Checksum"]:
            return f"{name} has other content than was backed up"
    return None


def _name(file: dict[str, Any]) -> str:
    return str(file["Path"]) if "Path" in file else bytes.fromhex(file["Encoded-Path"]).decode(errors="surrogateescape")


def _unknown(data: Path, files: list[dict[str, Any]]) -> Iterator[str]:
    known = {_name(file) for file in files} | {MANIFEST}
    for path in data.rglob("*"):
        name = str(path.relative_to(data))
        if not path.is_dir() and name not in known and not name.startswith("pg_wal/"):
            yield f"{name} does not belong to it"


def _unreadable(data: Path, ranges: Iterable[WalRange]) -> Iterator[str]:
    for each in ranges:
        places = [f"--path={data / 'pg_wal'}", f"--timeline={each.timeline}"]
        status, _, said = look("pg_waldump", "--quiet", *places, f"--start={each.start}", f"--end={each.end}")
        if status != 0:
            yield f"its WAL from {each.start} to {each.end} can't be read: {said.strip()}"
