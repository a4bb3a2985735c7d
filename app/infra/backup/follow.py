"""Follows a server's log into a folder, so that little or nothing that was committed is lost with the server.

A replication slot makes the server keep what was not received yet, over interruptions of either side. What is
received is flushed at once and reported, so the receiver can be a synchronous standby, whose name is the slot's.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg

from app.infra.backup.base import about, check_belongs
from app.infra.backup.folder import locked, wal_folder
from app.infra.backup.tools import BackupError, Source, source_of, start, stop

SLOT: Final = "wealthgraph_backup"

_RETRY_SECONDS: Final = 0.5
_QUICK_SECONDS: Final = 5.0
_QUICK_FAILURES: Final = 5

Say = Callable[[str], None]

_PREPARE: Final = """
SELECT wal_status = 'lost' AS lost, active FROM pg_replication_slots WHERE slot_name = $1 AND slot_type = 'physical'
"""
_STREAMING: Final = "SELECT sync_state FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'"


async def follow(url: str, folder: Path, say: Say, slot: str = SLOT) -> None:
    """Receive the log until cancelled, whatever becomes of the server meanwhile.

    Raises ``BackupError`` when the server is there and something keeps us from receiving.
    """
    check_belongs(folder, await about(url))
    with locked(folder, "follow"):
        wal_folder(folder).mkdir(mode=0o700, exist_ok=True)
        await _reserve(url, slot)
        failures = 0
        while True:
            began = time.monotonic()
            said = await _receive(source_of(url), wal_folder(folder), slot)
            failures = failures + 1 if time.monotonic() - began < _QUICK_SECONDS else 1
            if wrong := await _trouble(url):
                say(f"Receiving was interrupted, and will go on by itself: {wrong}.")
                while await _trouble(url):
                    await asyncio.sleep(_RETRY_SECONDS)
                say("The server is back.")
                failures = 0
                check_belongs(folder, await about(url))
            elif failures >= _QUICK_FAILURES:
                raise BackupError(_explain(said, folder, slot))
            await asyncio.sleep(_RETRY_SECONDS)


async def streaming(url: str, slot: str = SLOT) -> str | None:
    """Whether the receiver of this slot is connected and up to date: ``async`` or ``sync``, or None."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        state: str | None = await connection.fetchval(_STREAMING, slot)
        return state
    finally:
        await connection.close()


async def _reserve(url: str, slot: str) -> None:
    """Make the slot unless it is there: from now on nothing is missed."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        found = await connection.fetchrow(_PREPARE, slot)
        if found is None:
            await connection.execute("SELECT pg_create_physical_replication_slot($1, true)", slot)
        elif found["lost"]:
            raise BackupError(
                f"the server threw away WAL that slot {slot!r} had not received yet (max_slot_wal_keep_size). Drop the"
                f" slot (SELECT pg_drop_replication_slot('{slot}')) and begin a new folder"
            )
        elif found["active"]:
            raise BackupError(
                f"slot {slot!r} is in use: another process follows this server, or a pg_receivewal was left behind;"
                " end it, or name another --slot"
            )
    except asyncpg.PostgresError as error:
        raise BackupError(f"slot {slot!r} can't be made ({error}); the user needs the right REPLICATION") from error
    finally:
        await connection.close()


async def _receive(source: Source, wal: Path, slot: str) -> str:
    """Receive until the connection ends; answers what the program said."""
    # What ends with a segment is reported at the next interval only: commits that wait for it must not wait long.
    options = [f"--directory={wal}", f"--slot={slot}", "--synchronous", "--no-loop", "--status-interval=1"]
    process = await start(source, "pg_receivewal", *options, application=slot)
    try:
        output, _ = await process.communicate()
    finally:
        await stop(process)
    return output.decode(errors="replace").strip()


async def _trouble(url: str) -> str | None:
    """What keeps us from connecting, if anything does."""
    try:
        await about(url)
    except BackupError as error:
        return str(error)
    return None


def _explain(said: str, folder: Path, slot: str) -> str:
    advice = ""
    if "already been removed" in said:
        advice = (
            f"\nThe server has no longer what comes next, so there would be a gap in {wal_folder(folder)}: begin a new"
            f" folder (slot {slot!r} will keep what it needs), and keep this one while it may be needed"
        )
    return f"pg_receivewal does not stay connected:\n{said}{advice}"
