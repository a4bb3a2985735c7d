"""Checks an archive: from itself alone, that every file is what its manifest says, nothing is missing, and it adds up;
and that the log goes on with the balances that it adds up to."""

import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass

import obstore
import polars
from obstore.store import ObjectStore
from polars import Int64

from app.infra.database import EngineConnection
from app.kernel.money import to_text
from app.ledger.adding_up import Stand, Stretch, describe
from app.ledger.archive.parts import ArchiveBroken, File, Manifest, Part, manifests
from app.ledger.archived import archived_position
from app.ledger.contradictions import units
from app.ledger.story import Story


@dataclass(frozen=True, slots=True)
class ArchiveChecked:
    """How far a journal's archive goes, and how each account stood at its end; or what is wrong with it."""

    to: int
    stands: dict[int, Stand]
    disagreement: str | None


async def check_archive(store: ObjectStore, journal_id: int, until: int | None = None) -> ArchiveChecked:
    """Read a journal's whole archive, or what goes up to a position, and add it up from the first position on."""
    whole, to = Stretch(story=Story()), 0
    try:
        for manifest in await manifests(store, journal_id):
            if until is not None and to >= until:
                break
            if manifest.after != to:
                raise ArchiveBroken(f"position {to + 1} and what follows are missing: next comes {manifest.path}")
            await add_up(store, manifest, whole)
            to = manifest.to
        wrong = whole.contradiction({})
    except ArchiveBroken as broken:
        wrong = str(broken)
    return ArchiveChecked(to, whole.closing, wrong)


async def balances_contradict(connection: EngineConnection, store: ObjectStore, journal_id: int) -> str | None:
    """Whether accounts stood where the log begins as the archive adds up to: of who has moved nothing since, nothing
    else says it."""
    archived = await archived_position(connection, journal_id)
    found = await check_archive(store, journal_id, archived)
    if found.disagreement is not None:
        return found.disagreement
    if found.to < archived:
        return f"positions {found.to + 1:,} to {archived:,} are neither in the log nor in the archive"
    rows = await connection.fetch(_SNAPSHOTS, journal_id, archived)
    kept = {account: (sequence, units(balance)) for account, sequence, balance in rows}
    wrong = [id_ for id_ in kept.keys() | found.stands.keys() if kept.get(id_) != found.stands.get(id_)]
    if not wrong:
        return None
    stood = kept.get(min(wrong), (0, 0))[1]
    archive = found.stands.get(min(wrong), (0, 0))[1]
    return (
        f"at position {archived:,} {describe(min(wrong))} stood at {'no figure' if stood is None else to_text(stood)}"
        f" say the books, at {to_text(archive)} says the archive"
    )


_SNAPSHOTS = "SELECT account_id, sequence, balance FROM ledger.snapshot WHERE journal_id = $1 AND position = $2"
_STORY = ("position", "book_id", "sequence", "recorded_at", "effective_at", "lateness")


async def add_up(store: ObjectStore, manifest: Manifest, found: Stretch) -> None:
    """Read one partition and go on adding up with it, and with its story if it has one. Raises ``ArchiveBroken``."""
    async for part, events, transfers in read_parts(store, manifest):
        _check_events(part, events)
        if found.story is not None:
            found.story.go_on(events.select(_STORY).with_columns(polars.col("recorded_at", "effective_at").cast(Int64)))
        found.read(lines_of(transfers))
        if found.wrong:
            raise ArchiveBroken(found.wrong)


async def read_parts(
    store: ObjectStore, manifest: Manifest
) -> AsyncIterator[tuple[Part, polars.DataFrame, polars.DataFrame]]:
    """A partition's events and transfers, part by part. Raises ``ArchiveBroken``."""
    after = manifest.after
    for part in manifest.parts:
        if part.after != after:
            raise ArchiveBroken(f"position {after + 1} and what follows are missing from {manifest.path}")
        yield part, await _read(store, part.events), await _read(store, part.transfers)
        after = part.to
    if after != manifest.to:
        raise ArchiveBroken(f"position {after + 1} and what follows are missing from {manifest.path}")


def lines_of(transfers: polars.DataFrame) -> bytes:
    """Transfers as ``Stretch`` reads them."""
    columns = [
        "position", "leg", "lateness", "debit_account_id", "debit_sequence", "debit_balance",
        "credit_account_id", "credit_sequence", "credit_balance", "amount",
    ]  # fmt: skip
    return transfers.select(columns).write_csv(include_header=False, separator="\t").encode()


async def _read(store: ObjectStore, file: File) -> polars.DataFrame:
    try:
        content = bytes(await (await obstore.get_async(store, file.path)).bytes_async())
    except FileNotFoundError:
        raise ArchiveBroken(f"{file.path} is missing") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ArchiveBroken(f"{file.path} was changed: it does not have the hash that its manifest names")
    frame = polars.read_parquet(io.BytesIO(content))
    if frame.height != file.rows:
        raise ArchiveBroken(f"{file.path} has {frame.height} rows, its manifest says {file.rows}")
    return frame


def _check_events(part: Part, events: polars.DataFrame) -> None:
    expected = polars.int_range(part.after + 1, part.to + 1, eager=True)
    if not events["position"].equals(expected):
        raise ArchiveBroken(f"events between {part.after + 1} and {part.to} are missing or out of order")
