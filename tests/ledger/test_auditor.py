"""The auditor goes on, and somebody is told, whatever it finds and whatever fails."""

import asyncio
from threading import Event

import asyncpg
import pytest

from app.kernel.errors import Overloaded
from app.kernel.money import UNIT
from app.ledger import audit
from app.ledger.adding_up import Stretch
from app.ledger.audit import Auditor, prove, restart
from app.ledger.chart import USD, Kind, address
from app.ledger.types import Journal, Leg
from tests.ledger.books import NOON, Books, books
from tests.ledger.tampering import CLOCK, audited, tamper

pytestmark = pytest.mark.asyncio


async def test_a_disagreement_is_not_wiped_out_by_a_slower_auditor(log: Books) -> None:
    """Both began at the same position; the one that read before the harm was done records last."""
    await restart(log.connection, log.journal.id, NOON)
    record = "SELECT ledger.record_audit($1, 0, $2, $3, $4, '{}', '{}', '{}', '{}')"
    assert await log.connection.fetchval(record, log.journal.id, 0, NOON, "position 2: wrong")
    await log.connection.fetchval(record, log.journal.id, 9, NOON, None)
    assert await log.connection.fetchval("SELECT disagreement FROM ledger.audit") == "position 2: wrong"


async def test_the_auditor_outlives_figures_that_are_none(log: Books, database_url: str) -> None:
    """Another tenant's journal is audited on, and somebody is told."""
    told: list[str] = []

    async def alarm(_: Journal, disagreement: str) -> None:
        told.append(disagreement)

    await tamper(database_url, "UPDATE ledger.account SET balance = 'NaN' WHERE kind = 3")
    await restart(log.connection, log.journal.id, NOON)
    async with books(database_url) as other, asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        bank = address(other.journal.outside, USD, Kind.FBO)
        await other.post([Leg(bank, address(other.customers[0], USD, Kind.SETTLED), UNIT)])
        await Auditor(pool, CLOCK, alarm).look()
        proven = await pool.fetchval("SELECT proven FROM ledger.audit WHERE journal_id = $1", other.journal.id)
    assert (len(told), proven) == (1, 1)


async def test_an_audit_that_was_deleted_is_an_alarm(log: Books, database_url: str) -> None:
    told: list[str] = []

    async def alarm(_: Journal, disagreement: str) -> None:
        told.append(disagreement)

    await tamper(database_url, "DELETE FROM ledger.audit")
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        await Auditor(pool, CLOCK, alarm).look()
    assert told == ["what the auditor had found of the journal was deleted"]


async def test_a_journal_that_can_not_be_audited_holds_up_no_other(log: Books, database_url: str) -> None:
    async def alarm(_: Journal, __: str) -> None:
        raise AssertionError("nothing disagrees")

    async with books(database_url) as other, asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        await tamper(database_url, f"DELETE FROM ledger.journal_head WHERE journal_id = {log.journal.id}")
        bank = address(other.journal.outside, USD, Kind.FBO)
        await other.post([Leg(bank, address(other.customers[0], USD, Kind.SETTLED), UNIT)])
        with pytest.raises(ExceptionGroup, match="could not be audited"):
            await Auditor(pool, CLOCK, alarm).look()
        assert await pool.fetchval("SELECT proven FROM ledger.audit WHERE journal_id = $1", other.journal.id) == 1


async def test_the_auditor_outlives_an_alarm_that_fails(
    log: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full queue is no reason never to look again."""
    monkeypatch.setattr(audit, "LOOK_AGAIN", 0)
    given = 0

    async def alarm(_: Journal, __: str) -> None:
        nonlocal given
        given += 1
        if given == 1:
            raise Overloaded("the queue is full")
        raise asyncio.CancelledError

    await tamper(database_url, "UPDATE ledger.transfer SET amount = amount + 1 WHERE position = 4")
    await restart(log.connection, log.journal.id, NOON)
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        auditor = Auditor(pool, CLOCK, alarm)
        with pytest.raises(asyncio.CancelledError):
            await auditor.run()
    assert given == 2


async def test_two_auditors_at_once_record_once(log: Books, database_url: str) -> None:
    bank = address(log.journal.outside, USD, Kind.FBO)
    for _ in range(5):
        await log.post([Leg(bank, address(log.customers[0], USD, Kind.SETTLED), UNIT)])
    async with asyncpg.create_pool(database_url, min_size=4, max_size=4) as pool:

        async def one() -> None:
            async with pool.acquire() as connection:
                assert (await prove(connection, log.journal, CLOCK)).disagreement is None

        await asyncio.gather(*(one() for _ in range(4)))
    assert await log.connection.fetchval("SELECT proven FROM ledger.audit") == 14


async def test_others_go_on_while_the_log_is_added_up(log: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    real, turns = Stretch.read, 0

    def slowly(stretch: Stretch, lines: bytes) -> None:
        before = turns
        Event().wait(0.2)
        assert turns > before, "nobody else had a turn"
        real(stretch, lines)

    async def somebody_else() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    monkeypatch.setattr(Stretch, "read", slowly)
    other = asyncio.create_task(somebody_else())
    try:
        assert await audited(log, again=True) is None
    finally:
        other.cancel()
