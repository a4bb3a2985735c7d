"""``wealthgraph drill``: a server is lost under load and restored from its backup, and what callers knew is compared.

Three times: with the log received behind the commits (asynchronous, as it comes); the same, but the backup is cut off
a moment before, as by a failing network; and so again, with every commit waiting for the backup (synchronous).
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from app.backup import restore_into
from app.drill.disaster import bury, cut_off, kill_server
from app.drill.load import Load, kept, posting
from app.infra import embedded, migrate
from app.infra.backup.folder import bases
from app.infra.backup.follow import SLOT, streaming
from app.infra.backup.tools import BackupError
from app.infra.embedded import Server
from app.kernel.clock import SystemClock

DATABASE: Final = "wealthgraph"
_READY_SECONDS: Final = 60.0
_CUT_SECONDS: Final = 0.25

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Case:
    """How the log is received, and for how long before the loss it isn't any more."""

    name: str
    synchronous: bool
    cut: float


CASES: Final = (
    Case("Asynchronous", synchronous=False, cut=0),
    Case(f"Asynchronous, cut off {_CUT_SECONDS} s before", synchronous=False, cut=_CUT_SECONDS),
    Case(f"Synchronous, cut off {_CUT_SECONDS} s before", synchronous=True, cut=_CUT_SECONDS),
)


@dataclass(frozen=True, slots=True)
class Loss:
    """What callers knew when the server was killed, and a time between, to restore to."""

    load: Load
    at: datetime
    between: datetime
    per_second: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a drill found. ``lost`` were acknowledged and are gone."""

    acknowledged: int
    per_second: float
    lost: int
    recovery_point: timedelta
    recovery_time: float
    exact: bool
    proven: bool


def drill(seconds: float, callers: int, say: Say) -> bool:
    """Run the drills and print what they found; true if the books agreed each time and nothing was lost that may not.

    Blocks, and starts and loses servers of its own in a temporary folder.
    """
    outcomes = []
    for case in CASES:
        say(f"\n{case.name}: {callers} callers deposit while the log is followed; then the server is lost.")
        with _place() as place:
            outcomes.append((case, run_case(place, seconds, callers, case, say)))
    say(f"\n{'':>34}{'acknowledged':>14}{'a second':>10}{'lost':>8}{'recovery point':>16}{'recovery time':>15}")
    for case, found in outcomes:
        say(
            f"{case.name:>34}{found.acknowledged:>14,}{found.per_second:>10,.0f}{found.lost:>8,}"
            f"{found.recovery_point / timedelta(milliseconds=1):>13,.1f} ms{found.recovery_time:>13.1f} s"
        )
    say("Recovery point: how long before the loss the oldest commit was acknowledged that is gone (0: none is).")
    say("Recovery time: from the restore command until the books were replayed and agreed.")
    return all(found.proven and found.exact and not (case.synchronous and found.lost) for case, found in outcomes)


def run_case(place: Path, seconds: float, callers: int, case: Case, say: Say) -> Outcome:
    """Lose a server of its own below ``place``, restore it twice, and compare with what the callers knew."""
    backup = place / "backup"
    with embedded.run(place / "home") as server:
        asyncio.run(_prepare(server))
        with _following(server, backup) as follower:
            loss = asyncio.run(_lose(server, backup, follower, seconds, callers, case))
    shutil.rmtree(place / "home")
    began = time.monotonic()
    proven = restore_into(backup, place / "to the end", None, say)
    recovery_time = time.monotonic() - began
    present = _kept(place / "to the end")
    acknowledged = loss.load.acknowledged
    lost = acknowledged.keys() - present
    say(f"Restoring to {loss.between:%H:%M:%S.%f}, in the midst of it:")
    proven = restore_into(backup, place / "between", loss.between, say) and proven
    return Outcome(
        acknowledged=len(acknowledged),
        per_second=loss.per_second,
        lost=len(lost),
        recovery_point=max((loss.at - acknowledged[key] for key in lost), default=timedelta()),
        recovery_time=recovery_time,
        exact=_is_exact(loss, _kept(place / "between"), say),
        proven=proven,
    )


def _is_exact(loss: Loss, present: set[UUID], say: Say) -> bool:
    """Whether all that was acknowledged by the time is there, and nothing that was asked for after it."""
    by_then = {key for key, answered_at in loss.load.acknowledged.items() if answered_at <= loss.between}
    later = {key for key, each in loss.load.requests.items() if each.asked_at > loss.between}
    missing, early = len(by_then - present), len(present & later)
    say(
        f"  {len(by_then):,} were acknowledged by then: {missing or 'none'} missing."
        f" {len(later):,} were asked for after it: {early or 'none'} there."
        f" Of those under way at that moment {len(present - by_then - later):,} are there."
    )
    return not missing and not early


async def _prepare(server: Server) -> None:
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(f"CREATE DATABASE {DATABASE}")
    await connection.close()
    await migrate.upgrade(server.url(DATABASE))


@contextmanager
def _following(server: Server, backup: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """``wealthgraph backup --follow`` as a process of its own, as in earnest."""
    program = [sys.executable, "-c", "from app.cli import main; main()", "backup", str(backup), "--follow"]
    environment = os.environ | {"DATABASE_URL": server.url(DATABASE), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(program, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


async def _lose(
    server: Server, backup: Path, follower: "subprocess.Popen[bytes]", seconds: float, callers: int, case: Case
) -> Loss:
    """Post under load, take note of a time between, and kill the server."""
    clock = SystemClock()
    url = server.url(DATABASE)
    async with posting(url, callers, clock) as load:
        # The base backup is taken under load as well.
        await _until_ready(url, backup, follower)
        if case.synchronous:
            await _wait_for_standby(url)
        before, began = len(load.acknowledged), time.monotonic()
        await asyncio.sleep(seconds / 2)
        between = clock.now()
        await asyncio.sleep(seconds / 2)
        per_second = (len(load.acknowledged) - before) / (time.monotonic() - began)
        receivers = cut_off(follower.pid) if case.cut else []
        await asyncio.sleep(case.cut)
        at = clock.now()
        kill_server(server)
        bury(receivers)
    return Loss(load, at, between, per_second)


async def _until_ready(url: str, backup: Path, follower: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not (_is_based(backup) and await streaming(url)):
        if follower.poll() is not None:
            raise BackupError(f"`wealthgraph backup --follow` ended by itself, with status {follower.returncode}")
        if time.monotonic() > deadline:
            raise BackupError(f"no backup was under way within {_READY_SECONDS:.0f} s")
        await asyncio.sleep(0.05)


async def _wait_for_standby(url: str) -> None:
    """From now on no commit is acknowledged before the backup has it."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{SLOT}'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    deadline = time.monotonic() + _READY_SECONDS
    while await streaming(url) != "sync":
        if time.monotonic() > deadline:
            raise BackupError(f"the backup did not become a synchronous standby within {_READY_SECONDS:.0f} s")
        await asyncio.sleep(0.05)


def _is_based(backup: Path) -> bool:
    return backup.is_dir() and bool(bases(backup))


def _kept(home: Path) -> set[UUID]:
    with embedded.run(home / "postgres") as server:
        return asyncio.run(kept(server.url(DATABASE)))


@contextmanager
def _place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wealthgraph-drill-") as folder:
        Path(folder).chmod(0o711)  # run by root, the server is another user, who has to pass through
        yield Path(folder)
