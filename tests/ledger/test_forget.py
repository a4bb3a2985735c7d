"""Answers to keys are kept as long as is said, and forgotten afterwards, a bounded number at a time."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.accounting.bookkeeper import Bookkeeper
from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.clients.types import Account
from app.infra.database import ENGINE_ROLE
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger import forget
from app.ledger.idempotency import IdempotencyKey, idempotency_key
from tests.world import World, running

pytestmark = pytest.mark.asyncio

KEEP = timedelta(days=30)


def asked() -> IdempotencyKey:
    return idempotency_key("ann", new_id(), "deposit", {"amount": 1})


async def deposited(world: World, account: Account, key: IdempotencyKey) -> UUID:
    return await world.commits.submit(deposit, CashMovement(account.book_id, UNIT, "test"), key)


async def kept(world: World) -> int:
    found: int = await world.pool.fetchval("SELECT count(*) FROM ledger.idempotency")
    return found


async def forgotten(world: World, before: timedelta) -> int:
    async with world.pool.acquire() as connection:
        return await forget.forget_answers(connection, world.commits.journal.id, world.clock.now() - before)


async def test_a_key_is_a_new_one_once_its_answer_is_forgotten(database_url: str) -> None:
    async with running(database_url) as world:
        account, key = await world.investor(), asked()
        bookkeeper = Bookkeeper(world.pool, world.writers, world.market, None, clock=world.clock, answers_kept=KEEP)
        first = await deposited(world, account, key)
        world.clock.advance(KEEP - timedelta(seconds=1))
        await bookkeeper.run_due()
        assert await deposited(world, account, key) == first
        await world.investor(1)  # the log goes on
        world.clock.advance(timedelta(seconds=2))
        await bookkeeper.run_due()
        assert await deposited(world, account, key) != first
        assert (await world.cash(account)).settled == 2 * UNIT


async def test_a_bounded_number_at_a_time_the_oldest_first(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget, "CHUNK", 2)
    monkeypatch.setattr(forget, "CHUNKS", 2)
    async with running(database_url) as world:
        account, keys = await world.investor(), [asked() for _ in range(7)]
        for key in keys:
            await deposited(world, account, key)
            world.clock.advance(timedelta(seconds=1))
        world.clock.advance(KEEP)
        await world.investor(1)
        assert await forgotten(world, KEEP) == 4
        rows = await world.pool.fetch("SELECT key FROM ledger.idempotency ORDER BY created_at")
        assert [row["key"] for row in rows] == [key.key for key in keys[4:]]
        assert [await forgotten(world, KEEP) for _ in range(2)] == [3, 0]


async def test_the_last_day_of_the_log_is_kept_whatever_is_asked(database_url: str) -> None:
    async with running(database_url) as world:
        account = await world.investor()
        await deposited(world, account, asked())
        world.clock.advance(timedelta(hours=23))
        await deposited(world, account, asked())
        world.clock.advance(timedelta(days=100))
        assert await forgotten(world, timedelta()) == 0, "nothing was recorded for a day since"
        await world.investor(1)
        assert await forgotten(world, timedelta()) == 2


async def test_other_journals_keep_theirs(database_url: str) -> None:
    async with running(database_url) as world:
        await deposited(world, await world.investor(), asked())
        world.clock.advance(KEEP * 2)
        await world.investor(1)
        async with world.pool.acquire() as connection:
            assert await forget.forget_answers(connection, world.commits.journal.id + 1, world.clock.now()) == 0
        assert await kept(world) == 1


async def test_the_engine_may_ask_for_it_and_not_delete_by_itself(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"SET ROLE {ENGINE_ROLE}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM ledger.idempotency")
    assert await connection.fetchval("SELECT ledger.forget_answers(1, now(), 1)") == 0
    await connection.close()
