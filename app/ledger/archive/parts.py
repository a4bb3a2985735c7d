"""What an archive is made of: parts of so many positions, two Parquet files each, and a manifest for every partition.

``journal-7/000000000001-000008388608.json`` is the manifest; it is written last, so what it names is there. Times are
UTC microseconds, amounts decimals with 8 places, ids text.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import obstore
import orjson
import polars
from obstore.store import LocalStore, ObjectStore, from_url

#: So many positions are one part: what is in memory at a time.
PART: Final = 100_000

_TIME = polars.Datetime("us", "UTC")
_AMOUNT = polars.Decimal(38, 8)
EVENTS: Final[dict[str, Any]] = {
    "position": polars.Int64,
    "book_id": polars.Int64,
    "sequence": polars.Int64,
    "type": polars.String,
    "version": polars.Int16,
    "lateness": polars.Int16,
    "actor": polars.String,
    "cause": polars.String,
    "correlation": polars.String,
    "recorded_at": _TIME,
    "effective_at": _TIME,
    "data": polars.String,
}
TRANSFERS: Final[dict[str, Any]] = {
    "position": polars.Int64,
    "leg": polars.Int16,
    "lateness": polars.Int16,
    "debit_account_id": polars.Int64,
    "debit_sequence": polars.Int64,
    "debit_balance": _AMOUNT,
    "credit_account_id": polars.Int64,
    "credit_sequence": polars.Int64,
    "credit_balance": _AMOUNT,
    "amount": _AMOUNT,
}


class ArchiveBroken(Exception):
    """The archive is not what it should be; says where."""


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file: where it is, how many rows it has, and the SHA-256 of its bytes."""

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """The positions past ``after`` up to ``to``."""

    after: int
    to: int
    events: File
    transfers: File


@dataclass(frozen=True, slots=True)
class Manifest:
    """A partition of a journal's log, all of it."""

    journal_id: int
    after: int
    to: int
    parts: list[Part]

    @property
    def path(self) -> str:
        return f"journal-{self.journal_id}/{self.after + 1:012}-{self.to:012}.json"


def open_store(place: str) -> ObjectStore:
    """The object store at a URL (``s3://bucket/prefix``, …), or a folder."""
    if "://" in place:
        return from_url(place)
    return LocalStore(Path(place), mkdir=True)


async def put_manifest(store: ObjectStore, manifest: Manifest) -> None:
    """Write down that a partition is archived."""
    await obstore.put_async(store, manifest.path, orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))


def archived_journals(store: ObjectStore) -> list[int]:
    """The journals of which something is archived."""
    found = obstore.list_with_delimiter(store)["common_prefixes"]
    return sorted(int(prefix.strip("/").removeprefix("journal-")) for prefix in found if prefix.startswith("journal-"))


async def manifests(store: ObjectStore, journal_id: int) -> list[Manifest]:
    """What of a journal is archived, oldest first."""
    found = []
    for page in obstore.list(store, prefix=f"journal-{journal_id}/"):
        found += [each["path"] for each in page if each["path"].endswith(".json")]
    return [await _manifest(store, path) for path in sorted(found)]


async def _manifest(store: ObjectStore, path: str) -> Manifest:
    content = bytes(await (await obstore.get_async(store, path)).bytes_async())
    try:
        raw = orjson.loads(content)
        parts = [
            Part(each["after"], each["to"], File(**each["events"]), File(**each["transfers"])) for each in raw["parts"]
        ]
        return Manifest(raw["journal_id"], raw["after"], raw["to"], parts)
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveBroken(f"{path} is no manifest: {error}") from None
