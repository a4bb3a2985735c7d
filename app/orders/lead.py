"""Who leads which shard: one process at a time, by a lease with an epoch.

An order's instrument decides its shard. A process that dies loses its leases within a second; one that only sleeps
finds its epoch outdated in the very transaction in which it wants to act. So time decides who may begin, and the
database who may finish.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.infra.database import EnginePool
from app.ledger.batch import Batch

SHARDS: Final = 16
#: How long a lease holds, and how often it is renewed: a dead leader's work is taken over within a second.
LEASE: Final = timedelta(milliseconds=700)
RENEW_EVERY: Final = timedelta(milliseconds=200)

_SHARD, _ENGINE = "orders/", "engine/"


def shard_of(instrument_id: int) -> int:
    """The shard that an instrument's orders belong to."""
    return instrument_id % SHARDS


@dataclass(frozen=True, slots=True)
class Lead:
    """The right to act for a shard, as long as its epoch is the newest."""

    shard: int
    epoch: int


async def lead(pool: EnginePool, process: UUID, now: datetime | None) -> dict[int, Lead]:
    """Renew this process's leases, take its part of those that are free; answers what it leads, by shard.

    ``now`` is the database's own time if None: then it does not matter whose clock is wrong.
    """
    async with pool.acquire() as connection, connection.transaction():
        now = now or await connection.fetchval("SELECT clock_timestamp()")
        await connection.execute(_PRESENT, f"{_ENGINE}{process}", process, now + LEASE)
        alive = await connection.fetchval(_ALIVE, f"{_ENGINE}%", now)
        part = -(-SHARDS // alive)
        rows = await connection.fetch(
            "UPDATE lease SET held_until = $2 WHERE holder = $1 AND name LIKE $3 RETURNING name, epoch",
            process,
            now + LEASE,
            f"{_SHARD}%",
        )
        held = {row["name"]: row["epoch"] for row in rows}
        surplus = sorted(held)[part:]
        if surplus:
            await connection.execute("UPDATE lease SET held_until = '-infinity' WHERE name = ANY ($1)", surplus)
        elif len(held) < part:
            rows = await connection.fetch(_TAKE, process, now, now + LEASE, f"{_SHARD}%", part - len(held))
            held |= {row["name"]: row["epoch"] for row in rows}
    leads = [Lead(int(name.removeprefix(_SHARD)), epoch) for name, epoch in held.items() if name not in surplus]
    return {each.shard: each for each in leads}


async def give_up(pool: EnginePool, process: UUID) -> None:
    """This process stops: others may take over at once."""
    await pool.execute("UPDATE lease SET held_until = '-infinity' WHERE holder = $1", process)


async def still_leading(batch: Batch, leads: Iterable[Lead]) -> set[Lead]:
    """Those whose epoch is the newest; nobody else can take them before this transaction ends."""
    wanted = set(leads)
    # KEY SHARE bars who takes over (FOR UPDATE), but not our own renewal, which would wait for this batch, or deadlock.
    rows = await batch.connection.fetch(
        "SELECT name, epoch FROM lease WHERE name = ANY ($1) ORDER BY name FOR KEY SHARE",
        sorted(f"{_SHARD}{each.shard}" for each in wanted),
    )
    newest = {Lead(int(row["name"].removeprefix(_SHARD)), row["epoch"]) for row in rows}
    return wanted & newest


_PRESENT = """
INSERT INTO lease VALUES ($1, $2, 0, $3) ON CONFLICT (name) DO UPDATE SET held_until = EXCLUDED.held_until
"""

_ALIVE = "SELECT count(*) FROM lease WHERE name LIKE $1 AND held_until > $2"

_TAKE = """
UPDATE lease SET holder = $1, epoch = epoch + 1, held_until = $3 WHERE name IN (
  SELECT name FROM lease WHERE name LIKE $4 AND held_until < $2 ORDER BY name LIMIT $5 FOR UPDATE SKIP LOCKED)
RETURNING name, epoch
"""
