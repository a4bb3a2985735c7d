"""Journals by hand: one operator proposes, another decides; an entry is taken back once, and what is gone is owed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.accounting.decide import Decide, approve, reject, withdraw_journals
from app.accounting.lines import MAX_LINES
from app.accounting.propose import STANDS_FOR, ProposeJournal, ProposeReversal, propose_journals, propose_reversals
from app.accounting.types import JournalStatus, Line
from app.banking.deposit import deposit
from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.clients.close import CloseAccount, close_accounts
from app.clients.types import Account
from app.kernel.events import Event, EventType
from app.kernel.money import CENT, UNIT
from app.ledger.chart import USD, Kind
from app.ledger.reads import streams_after
from app.ledger.replay import replay
from app.market.types import Side
from tests.accounting.keeping import ANN, BOB, Keeping
from tests.orders.checks import faults_in_the_books
from tests.world import World, running

pytestmark = pytest.mark.asyncio

GOODWILL = (Line(Kind.PROMO, Kind.SETTLED, USD, 5 * UNIT), Line(Kind.FBO, Kind.FIRM_BANK, USD, 5 * UNIT))


def journal(account: Account | None, lines: Sequence[Line] = GOODWILL, **changed: Any) -> ProposeJournal:
    whom: dict[str, Any] = {} if account is None else {"account_id": account.id, "book": account.book_id}
    return replace(ProposeJournal(lines, "Said sorry", ANN), **whom, **changed)


async def stream(world: World, book: int) -> list[Event]:
    async with world.read() as api:
        return (await streams_after(api, [(book, 0)], 100))[book, 0]


async def position_of(world: World, account: Account, type_: EventType) -> int:
    return [event.position for event in await stream(world, account.book_id) if event.type is type_][-1]


async def sound(world: World) -> None:
    async with world.pool.acquire() as connection:
        assert await faults_in_the_books(connection, world.commits.journal.id) == []
        assert (await replay(connection, world.commits.journal.id)).disagreement is None


async def reversed_by_two(world: World, position: int) -> UUID:
    id_ = await world.commits.submit(propose_reversals, ProposeReversal(position, "A mistake", ANN))
    assert await world.commits.submit(approve, Decide(id_, BOB)) == id_
    return id_


async def test_proposed_by_one_and_approved_by_another(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(10)
        await keeping.fund_house(100)
        id_ = await world.commits.submit(propose_journals, journal(investor))
        assert (await world.cash(investor)).settled == 10 * UNIT, "nothing moves yet"
        assert (await keeping.refusal(approve, Decide(id_, ANN)))[0] == "FOUR_EYES"
        world.clock.advance(timedelta(hours=1))
        await world.commits.submit(approve, Decide(id_, BOB))
        made = await keeping.journal(id_)
        assert (made.status, made.proposed_by, made.decided_by) == (JournalStatus.POSTED, ANN, BOB)
        assert (await world.cash(investor)).settled == 15 * UNIT
        told = (await stream(world, investor.book_id))[-1]
        assert (told.type, told.actor, told.position, told.correlation) == (
            EventType.MANUAL_JOURNAL,
            BOB,
            made.position,
            id_,
        )
        assert told.data == {"journal": str(id_), "proposed_by": ANN}
        assert told.effective_at == world.clock.now()
        assert "sorry" not in str(await stream(world, world.commits.journal.house)), "reasons stay in the row"
        await sound(world)


async def test_what_concerns_no_customer_is_told_in_the_houses_stream(database_url: str) -> None:
    async with running(database_url) as world:
        lines = [Line(Kind.CASH, Kind.FIRM_BANK, USD, 30 * UNIT)]
        id_ = await world.commits.submit(propose_journals, journal(None, lines))
        await world.commits.submit(approve, Decide(id_, BOB))
        types = [event.type for event in await stream(world, world.commits.journal.house)]
        assert types == [EventType.MANUAL_JOURNAL_PROPOSED, EventType.MANUAL_JOURNAL]


async def test_it_takes_effect_when_it_says_and_not_in_the_future(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(10)
        begun = world.clock.now()
        world.clock.advance(timedelta(days=3))
        for wrong in (
            world.clock.now() + timedelta(seconds=1),
            begun - timedelta(seconds=1),
            world.clock.now().replace(tzinfo=None),
        ):
            command = journal(investor, effective_at=wrong)
            assert (await keeping.refusal(propose_journals, command))[0] == "EFFECTIVE_AT_INVALID"
        back = begun + timedelta(days=1)
        id_ = await world.commits.submit(propose_journals, journal(investor, effective_at=back))
        await world.commits.submit(approve, Decide(id_, BOB))
        told = (await stream(world, investor.book_id))[-1]
        assert (told.effective_at, told.recorded_at) == (back, world.clock.now())


async def test_how_a_proposal_ends_otherwise(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(10)
        rejected, withdrawn, expired = [
            await world.commits.submit(propose_journals, journal(investor)) for _ in range(3)
        ]
        assert (await keeping.refusal(reject, Decide(rejected, BOB, " ")))[0] == "REASON_INVALID"
        await world.commits.submit(reject, Decide(rejected, BOB, "Too generous"))
        assert (await keeping.refusal(withdraw_journals, Decide(withdrawn, BOB)))[0] == "NOT_YOURS"
        await world.commits.submit(withdraw_journals, Decide(withdrawn, ANN))
        world.clock.advance(STANDS_FOR)
        for use_case in (approve, reject, withdraw_journals):
            assert (await keeping.refusal(use_case, Decide(expired, BOB, "Too late")))[0] == "NOT_OPEN"
        await keeping.bookkeeper.run_due()
        await keeping.bookkeeper.run_due()
        found = [(await keeping.journal(id_)) for id_ in (rejected, withdrawn, expired)]
        assert [(each.status, each.decided_by, each.decision) for each in found] == [
            (JournalStatus.REJECTED, BOB, "Too generous"),
            (JournalStatus.WITHDRAWN, ANN, None),
            (JournalStatus.EXPIRED, "engine", None),
        ]
        for each in found:
            assert (await keeping.refusal(approve, Decide(each.id, BOB)))[0] == "NOT_OPEN"
        told = [event.type for event in await stream(world, world.commits.journal.house)]
        assert told.count(EventType.MANUAL_JOURNAL_EXPIRED) == 1
        assert (await world.cash(investor)).settled == 10 * UNIT


async def test_what_the_ledger_declines_stays_proposed(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(10)
        fee = [Line(Kind.SETTLED, Kind.FEES, USD, 25 * UNIT), Line(Kind.FIRM_BANK, Kind.FBO, USD, 25 * UNIT)]
        id_ = await world.commits.submit(propose_journals, journal(investor, fee))
        code, words = await keeping.refusal(approve, Decide(id_, BOB))
        assert code == "INSUFFICIENT"
        assert "SETTLED has 10.00 USD, and 15.00 is lacking" in words
        await world.commits.submit(deposit, CashMovement(investor.book_id, 15 * UNIT, "test"))
        await world.commits.submit(approve, Decide(id_, BOB))
        assert (await world.cash(investor)).settled == 0
        await sound(world)


async def test_a_debt_can_be_made_good_once(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(10)
        debt = journal(investor, [Line(Kind.RECEIVABLE, Kind.FEES, USD, 4 * UNIT)])
        forgiven = journal(investor, [Line(Kind.PROMO, Kind.RECEIVABLE, USD, 4 * UNIT)])
        ids = [await world.commits.submit(propose_journals, each) for each in (debt, forgiven, forgiven)]
        assert (await keeping.refusal(approve, Decide(ids[1], BOB)))[0] == "MORE_THAN_OWED"
        for id_ in ids[:2]:
            await world.commits.submit(approve, Decide(id_, BOB))
        code, words = await keeping.refusal(approve, Decide(ids[2], BOB))
        assert code == "MORE_THAN_OWED"
        assert "owes 0.00, so 4.00" in words
        await sound(world)


WRONG_LINES: dict[str, tuple[list[Line], str]] = {
    "none": ([], "LINES_INVALID"),
    "too many": ([GOODWILL[0]] * (MAX_LINES + 1), "LINES_INVALID"),
    "shares of a customer": ([Line(Kind.POSITION, Kind.INVENTORY, 2, UNIT)], "KIND_NOT_ALLOWED"),
    "money behind orders": ([Line(Kind.HELD, Kind.FEES, USD, UNIT)], "KIND_NOT_ALLOWED"),
    "proceeds": ([Line(Kind.UNSETTLED, Kind.FEES, USD, UNIT)], "KIND_NOT_ALLOWED"),
    "a market order's": ([Line(Kind.CASH, Kind.MARKET_ORDER, USD, UNIT)], "KIND_NOT_ALLOWED"),
    "dollars of the inventory": ([Line(Kind.INVENTORY, Kind.CASH, USD, UNIT)], "KIND_NOT_ALLOWED"),
    "to itself": ([Line(Kind.SETTLED, Kind.SETTLED, USD, UNIT)], "LINES_INVALID"),
    "from one pocket to the other": ([Line(Kind.SETTLED, Kind.RECEIVABLE, USD, UNIT)], "LINES_INVALID"),
    "nothing": ([Line(Kind.PROMO, Kind.SETTLED, USD, 0)], "AMOUNT_INVALID"),
    "less than nothing": ([Line(Kind.PROMO, Kind.SETTLED, USD, -UNIT)], "AMOUNT_INVALID"),
    "far too much": ([Line(Kind.PROMO, Kind.SETTLED, USD, 2**63)], "AMOUNT_INVALID"),
    "a part of a cent": ([Line(Kind.PROMO, Kind.SETTLED, USD, CENT + 1)], "AMOUNT_INVALID"),
    "the customer named for nothing": ([Line(Kind.CASH, Kind.FEES, USD, UNIT)], "ACCOUNT_REQUIRED"),
}


@pytest.mark.parametrize("what", WRONG_LINES)
async def test_lines_that_are_not_allowed(database_url: str, what: str) -> None:
    async with running(database_url) as world:
        lines, code = WRONG_LINES[what]
        command = journal(await world.investor(10), lines)
        assert (await Keeping(world).refusal(propose_journals, command))[0] == code


async def test_other_proposals_that_are_not_allowed(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor()
        assert (await keeping.refusal(propose_journals, journal(None)))[0] == "ACCOUNT_REQUIRED"
        for reason in ("", " ", "a\0b", "a" * 501):
            assert (await keeping.refusal(propose_journals, journal(investor, reason=reason)))[0] == "REASON_INVALID"
        waiting = await world.commits.submit(propose_journals, journal(investor))
        await world.commits.submit(close_accounts, CloseAccount(investor, "test"))
        assert (await keeping.refusal(propose_journals, journal(investor)))[0] == "ACCOUNT_CLOSED"
        assert (await keeping.refusal(approve, Decide(waiting, BOB)))[0] == "ACCOUNT_CLOSED"


async def test_a_deposit_is_taken_back_and_what_is_gone_is_owed(database_url: str) -> None:
    async with running(database_url) as world:
        investor = await world.investor(100)
        await world.commits.submit(withdraw, CashMovement(investor.book_id, 70 * UNIT, "test"))
        at = await position_of(world, investor, EventType.DEPOSIT)
        id_ = await reversed_by_two(world, at)
        cash = await world.cash(investor)
        assert (cash.settled, cash.receivable) == (0, -70 * UNIT)
        told = (await stream(world, investor.book_id))[-1]
        [original] = [event for event in await stream(world, investor.book_id) if event.position == at]
        assert (told.type, told.cause, told.correlation) == (EventType.REVERSAL, original.correlation, id_)
        assert told.data == {"journal": str(id_), "proposed_by": ANN, "reverses": at, "type": "DEPOSIT"}
        await sound(world)


async def test_an_entry_is_taken_back_once(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(100)
        at = await position_of(world, investor, EventType.DEPOSIT)
        command = ProposeReversal(at, "A mistake", ANN)
        first = await world.commits.submit(propose_reversals, command)
        code, words = await keeping.refusal(propose_reversals, command)
        assert code == "ALREADY_REVERSED"
        assert "decide that proposal" in words
        await world.commits.submit(reject, Decide(first, BOB, "It was right"))
        await reversed_by_two(world, at)
        code, words = await keeping.refusal(propose_reversals, command)
        assert code == "ALREADY_REVERSED"
        assert "was reversed before" in words
        insert = (
            "INSERT INTO manual_journal SELECT $1, tenant_id, journal_id, kind, 'PROPOSED', account_id, book_id,"
            " NULL, NULL, lines, reverses, reason, NULL, proposed_by, proposed_at, expires_at FROM manual_journal"
            " WHERE reverses = $2 LIMIT 1"
        )
        with pytest.raises(asyncpg.UniqueViolationError):
            await world.pool.execute(insert, UUID(int=1), at)


async def test_a_withdrawal_comes_back_and_repays_first(database_url: str) -> None:
    async with running(database_url) as world:
        investor = await world.investor(100)
        await world.commits.submit(withdraw, CashMovement(investor.book_id, 100 * UNIT, "test"))
        await reversed_by_two(world, await position_of(world, investor, EventType.DEPOSIT))
        assert (await world.cash(investor)).receivable == -100 * UNIT
        await world.commits.submit(deposit, CashMovement(investor.book_id, 30 * UNIT, "test"))
        await reversed_by_two(world, await position_of(world, investor, EventType.WITHDRAWAL))
        cash = await world.cash(investor)
        assert (cash.settled, cash.receivable) == (30 * UNIT, 0)
        await sound(world)


async def test_a_deposit_that_repaid_a_debt_brings_the_debt_back(database_url: str) -> None:
    async with running(database_url) as world:
        investor = await world.investor(100)
        await world.commits.submit(withdraw, CashMovement(investor.book_id, 100 * UNIT, "test"))
        await reversed_by_two(world, await position_of(world, investor, EventType.DEPOSIT))
        await world.commits.submit(deposit, CashMovement(investor.book_id, 130 * UNIT, "test"))
        assert (await world.cash(investor)).settled == 30 * UNIT
        await reversed_by_two(world, await position_of(world, investor, EventType.DEPOSIT))
        cash = await world.cash(investor)
        assert (cash.settled, cash.receivable) == (0, -100 * UNIT)
        await sound(world)


async def test_a_debt_by_hand_that_was_repaid_meanwhile_comes_back_as_money(database_url: str) -> None:
    async with running(database_url) as world:
        investor = await world.investor(10)
        id_ = await world.commits.submit(
            propose_journals, journal(investor, [Line(Kind.RECEIVABLE, Kind.FEES, USD, 4 * UNIT)])
        )
        await world.commits.submit(approve, Decide(id_, BOB))
        await world.commits.submit(deposit, CashMovement(investor.book_id, 3 * UNIT, "test"))
        await reversed_by_two(world, await position_of(world, investor, EventType.MANUAL_JOURNAL))
        cash = await world.cash(investor)
        assert (cash.settled, cash.receivable) == (13 * UNIT, 0)
        await sound(world)


async def test_what_has_a_way_of_its_own_is_not_reversed(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(100)
        await world.place(investor, Side.BUY, "AAPL", amount="50.00")
        await world.pass_time(200)
        await reversed_by_two(world, await position_of(world, investor, EventType.DEPOSIT))
        for type_ in (EventType.ORDER_FILLED, EventType.ACCOUNT_OPENED, EventType.REVERSAL, EventType.ORDER_ACCEPTED):
            command = ProposeReversal(await position_of(world, investor, type_), "Please", ANN)
            code, words = await keeping.refusal(propose_reversals, command)
            assert code == "NOT_REVERSIBLE"
            assert str(type_) in words


async def test_the_database_holds_to_four_eyes_and_keeps_what_was_proposed(database_url: str) -> None:
    async with running(database_url) as world:
        id_ = await world.commits.submit(propose_journals, journal(await world.investor(10)))
        with pytest.raises(asyncpg.CheckViolationError):
            await world.pool.execute(
                "UPDATE manual_journal SET status = 'POSTED', decided_by = proposed_by, decided_at = now()"
                ", position = 1 WHERE id = $1",
                id_,
            )
        for statement in ("UPDATE manual_journal SET lines = '[]'", "DELETE FROM manual_journal"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await world.pool.execute(statement)
