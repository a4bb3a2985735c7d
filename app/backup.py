"""``wealthgraph backup`` and ``wealthgraph restore``: the database, and the log after it, kept elsewhere."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from app.infra import embedded
from app.infra.backup.base import take
from app.infra.backup.folder import Base
from app.infra.backup.follow import SLOT, follow
from app.infra.backup.prune import prune
from app.infra.backup.restore import Restored, restore
from app.infra.backup.tools import BackupError
from app.infra.database import ENGINE_ROLE
from app.replay import replay_all

Say = Callable[[str], None]


async def back_up(url: str, folder: Path, say: Say, *, keep: int | None = None) -> Base:
    """Take one base backup, and remove those that are older than the ``keep`` newest, with the log before them."""
    base = await take(url, folder)
    say(f"{base.folder}: verified; restores to any time from {_text(base.ended)} on, as far as the log goes.")
    if keep is not None:
        for old in await asyncio.to_thread(prune, folder, keep):
            say(f"{old.folder}: removed, with the log that only it needed.")
    return base


async def back_up_and_follow(url: str, folder: Path, say: Say, *, keep: int | None = None, slot: str = SLOT) -> None:
    """Receive the log until cancelled, and take a base backup meanwhile."""
    following = asyncio.create_task(follow(url, folder, say, slot))
    taking = asyncio.create_task(back_up(url, folder, say, keep=keep))
    try:
        await asyncio.wait({following, taking}, return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            await taking
            say(f"Following the log into {folder / 'wal'}, until Ctrl-C.")
        await following
    finally:
        following.cancel()
        taking.cancel()
        await asyncio.gather(following, taking, return_exceptions=True)


def restore_into(folder: Path, home: Path, at: datetime | None, say: Say) -> bool:
    """Restore into a new home, replay its log, and say how far it goes; true if the books agree."""
    if home.exists():
        raise BackupError(f"{home} exists: nothing is ever restored over what is there, name a new home")
    try:
        restored = restore(folder, home / "postgres", at)
    except BaseException:
        with suppress(OSError):
            home.rmdir()  # so that the same can be tried again
        raise
    say(f"Restored from {restored.base.folder}, and the log after it up to {restored.reached}.")
    say(f"  {_how_far(restored, at)}")
    with embedded.run(home / "postgres") as server:
        url = server.url(restored.base.database)
        return asyncio.run(_prove(url, say))


async def _prove(url: str, say: Say) -> bool:
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        heads = await connection.fetch(
            "SELECT journal_id, position, recorded_at FROM ledger.journal_head ORDER BY journal_id"
        )
    finally:
        await connection.close()
    for head in heads:
        at = f", recorded at {_text(head['recorded_at'])}" if head["position"] else ""
        say(f"Journal {head['journal_id']} goes up to position {head['position']:,}{at}.")
    return await replay_all(url, None, None, say)


def _how_far(restored: Restored, at: datetime | None) -> str:
    newest = _text(restored.last_commit) if restored.last_commit else "none"
    if at is None:
        return f"That is all that was received; the last commit in it: {newest}."
    if restored.last_commit is None or restored.last_commit <= at:
        return f"The last commit that was received is older than what was asked for: {newest}."
    return f"Everything committed by {_text(at)}; the log itself goes on to {newest}."


def _text(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"
