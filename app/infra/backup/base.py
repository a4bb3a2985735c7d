"""Takes a base backup of a running server, and verifies it before it counts."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

import asyncpg

from app.infra.backup.folder import Base, base_folder, bases, keep, locked, unfinished, wal_folder
from app.infra.backup.manifest import verify
from app.infra.backup.segments import timelines
from app.infra.backup.tools import BackupError, run, source_of, version
from app.infra.database import LOST

_LONGEST_SECONDS: Final = 24 * 3600.0
_FIRST: Final = re.compile(r"^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)$", re.MULTILINE)
#: Settings that decide what is in an index or what a text means: they have to come along.
_SETTINGS: Final = ("default_text_search_config", "DateStyle", "IntervalStyle")

_ABOUT: Final = """
SELECT clock_timestamp() AS now, current_database()::text AS database,
       (SELECT system_identifier::text FROM pg_control_system()) AS system,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
       current_setting('server_version_num')::integer / 10000 AS version,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
       (SELECT string_agg(spcname, ', ') FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS apart,
       (SELECT json_object_agg(name, setting)::text FROM pg_settings WHERE name = ANY($1)) AS settings
"""


async def about(url: str) -> dict[str, Any]:
    """What a backup has to know of the server at ``url``."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except TimeoutError as error:
        raise BackupError("the server can't be reached: no answer within 10 s") from error
    except LOST as error:
        raise BackupError(f"the server can't be reached: {error}") from error
    try:
        row = await connection.fetchrow(_ABOUT, list(_SETTINGS))
        assert row is not None
        return dict(row)
    finally:
        await connection.close()


def check_belongs(folder: Path, server: dict[str, Any]) -> None:
    """Raises ``BackupError`` if the server can't be backed up, or not here, because the folder is of another one."""
    if server["version"] != version():
        raise BackupError(
            f"the server is PostgreSQL {server['version']}, and the programs here are of {version()}, which can't check"
            " its log: use that server's own, or a backup program such as pgBackRest"
        )
    known = bases(folder) if folder.is_dir() else []
    others = {base.system for base in known} - {server["system"]}
    histories = {base.timeline for base in known} | timelines(wal_folder(folder))
    if others:
        raise BackupError(
            f"{folder} holds the backup of another server (system {others.pop()}): use a folder of its own"
        )
    if histories - {server["timeline"]}:
        raise BackupError(
            f"{folder} holds the log of timeline {max(histories - {server['timeline']})}, and the server, which was"
            f" restored since, is on timeline {server['timeline']}: begin a new folder, and keep this one while it may"
            " be needed"
        )
    if server["apart"]:
        raise BackupError(
            f"the server keeps data outside of its folder (tablespaces {server['apart']}), which is not supported here:"
            " use a backup program made for that"
        )


async def take(url: str, folder: Path) -> Base:
    """Take a base backup into ``folder``, with the WAL that it needs by itself, and verify it.

    Raises ``BackupError``; nothing stays behind then.
    """
    server = await about(url)
    check_belongs(folder, server)
    with locked(folder, "base"):
        for leftover in unfinished(folder):
            shutil.rmtree(leftover)
        target = base_folder(folder, server["now"])
        target.mkdir(mode=0o700)
        try:
            await run(source_of(url), "pg_basebackup", *_options(target / "data"), limit=_LONGEST_SECONDS)
            after = await about(url)
            ranges = await asyncio.to_thread(verify, target / "data")
            base = _describe(target, server, after, {each.timeline for each in ranges})
            keep(base)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
    return base


def _options(data: Path) -> list[str]:
    return [
        f"--pgdata={data}",
        "--format=plain",
        "--wal-method=stream",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
        "--label=wealthgraph",
    ]


def _describe(folder: Path, server: dict[str, Any], after: dict[str, Any], found: set[int]) -> Base:
    first = _FIRST.search((folder / "data" / "backup_label").read_text())
    if first is None or found != {server["timeline"]}:
        raise BackupError(f"the server changed its timeline while it was backed up ({found}): back it up again")
    return Base(
        folder,
        began=server["now"],
        ended=after["now"],
        system=server["system"],
        version=server["version"],
        timeline=server["timeline"],
        first_segment=first[1],
        segment_bytes=server["segment_bytes"],
        database=server["database"],
        settings=json.loads(server["settings"]),
    )
