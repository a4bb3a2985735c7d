"""Restores a base backup and the log after it, to the end of the log or to a point in time, into a new home.

What comes out is an ordinary home of the embedded server. Settings, access rules and replication of the server that
was backed up stay behind: they belong to its machine, and would keep the new one from starting or from committing.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.infra.backup.folder import Base, newest_before, wal_folder
from app.infra.backup.manifest import verify
from app.infra.backup.segments import Log, continues, last_commit, log_from, name_of, position_of
from app.infra.backup.tools import BackupError, version
from app.infra.embedded import point_to
from app.infra.embedded_cluster import Cluster
from app.infra.embedded_install import EmbeddedServerError, Runner, files_folder, find_runner, make_home

_LONGEST_SECONDS: Final = 24 * 3600.0
_RECEIVED: Final = "received"
_ACCESS: Final = "local all all trust\nlocal replication all trust\n"


@dataclass(frozen=True, slots=True)
class Restored:
    """A home that was restored. ``last_commit`` is the newest that the log knows of, restored or not."""

    base: Base
    home: Path
    reached: str
    last_commit: datetime | None
    missing: str | None


def restore(folder: Path, home: Path, at: datetime | None = None) -> Restored:
    """Make ``home``, with all that was committed by ``at``, or all that was received.

    Raises ``BackupError``; then there is no home. Blocks: not for use inside an event loop.
    """
    if home.exists():
        raise BackupError(f"{home} exists: nothing is ever restored over what is there, name a new home")
    base = newest_before(folder, at)
    _check_version(base)
    verify(base.data)
    log = log_from(base.first_segment, base.segment_bytes, wal_folder(folder), base.data / "pg_wal")
    if log.missing and at is None:
        raise BackupError(_gap(folder, base, log))
    runner = find_runner()
    home = home.absolute()
    make_home(home, runner)
    files = files_folder(home, runner)
    cluster = Cluster(files / f"pg-{os.urandom(6).hex()}", runner, home / "postgres.log")
    try:
        restored = _recover(base, log, cluster, at, folder)
        cluster.stop()
        _finish(cluster)
        point_to(home, files, cluster)
    except BaseException as error:
        cluster.stop()
        for place in (cluster.folder, home):
            shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, EmbeddedServerError):
            raise BackupError(f"PostgreSQL could not recover from {base.folder}: {error}") from error
        raise
    return restored


def _check_version(base: Base) -> None:
    if version() != base.version:
        raise BackupError(
            f"{base.folder} is of PostgreSQL {base.version}, and the embedded one is {version()}: restore it with its"
            " own programs (docs/backup.md says how)"
        )


def _recover(base: Base, log: Log, cluster: Cluster, at: datetime | None, folder: Path) -> Restored:
    runner = cluster.runner
    runner.make_folder(cluster.folder)
    received = cluster.folder / _RECEIVED
    received.mkdir(mode=0o700)
    names = []
    for number, path in sorted(log.files.items()):
        names.append(name_of(base.timeline, number, base.segment_bytes))
        shutil.copyfile(path, received / names[-1])
    newest = last_commit(received, names)
    # PostgreSQL stops at the first commit after the time. Where there is none, it would call the time out of reach.
    target = at if at and newest and newest > at else None
    if log.missing and target is None:
        raise BackupError(_gap(folder, base, log))
    shutil.copytree(base.data, cluster.data, symlinks=True)
    _configure(cluster.data, base, target)
    _hand_over(cluster.folder, runner)
    cluster.start(durable=True, patience=_LONGEST_SECONDS, attempts=1)
    reached = _reached(cluster.data, base.timeline)
    if target is None:
        _check_reached(reached, log, base)
    return Restored(base, cluster.log.parent, reached, newest, log.missing)


def _configure(data: Path, base: Base, target: datetime | None) -> None:
    lines = [f"{name} = '{value}'" for name, value in base.settings.items()]
    (data / "postgresql.conf").write_text("# The rest is said by who starts the server.\n" + "\n".join(lines) + "\n")
    (data / "pg_hba.conf").write_text(_ACCESS)
    (data / "pg_ident.conf").write_text("")
    recovery = {
        "restore_command": f'cp "../{_RECEIVED}/%f" "%p"',
        "recovery_target_timeline": "current",
        "recovery_target_action": "promote",
        # Nobody looks in before it is finished, so the new server needn't be as large as the old one was.
        "hot_standby": "off",
    }
    if target is not None:
        recovery["recovery_target_time"] = f"{target.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00"
        recovery["recovery_target_inclusive"] = "on"
    (data / "postgresql.auto.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in recovery.items()))
    (data / "recovery.signal").touch()


def _finish(cluster: Cluster) -> None:
    """What was needed for recovery only goes."""
    (cluster.data / "postgresql.auto.conf").write_text("")
    shutil.rmtree(cluster.folder / _RECEIVED)


def _hand_over(folder: Path, runner: Runner) -> None:
    """Give the files to the user that the server runs as, and to nobody else."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if runner.user:
            os.chown(path, runner.user.pw_uid, runner.user.pw_gid)


def _reached(data: Path, timeline: int) -> str:
    """Up to where the log was applied: the new timeline's history says where it leaves the old one."""
    history = data / "pg_wal" / f"{timeline + 1:08X}.history"
    for line in history.read_text().splitlines():
        fields = line.split("\t")
        if fields[0] == str(timeline):
            return fields[1]
    raise BackupError(f"{history} does not say where the recovery ended")


def _check_reached(reached: str, log: Log, base: Base) -> None:
    """PostgreSQL takes a damaged record for the end of the log. It is the end only in the last segment."""
    segment = position_of(reached) // base.segment_bytes
    # A record that was cut off begins in the segment before.
    if segment < log.last - (1 if continues(log.files[log.last]) else 0):
        damaged = name_of(base.timeline, segment, base.segment_bytes)
        raise BackupError(
            f"the log is damaged in {damaged}, at {reached}: nothing after it could be applied, though there is more,"
            f" up to {name_of(base.timeline, log.last, base.segment_bytes)}. Find another copy of it, or restore to a"
            " time before"
        )


def _gap(folder: Path, base: Base, log: Log) -> str:
    return (
        f"{log.missing} is missing (or cut short) in {wal_folder(folder)}, so the log after the base backup"
        f" {base.folder.name} can't be followed beyond it. Find that file; or name a time (--at) before the gap; or"
        " one after a newer base backup"
    )
