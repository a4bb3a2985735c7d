"""Fees, interest and transfers by hand: each is told as what it is and has its lines, and the reserve is right."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.accounting.decide import Decide, approve
from app.accounting.lines import legs_of
from app.accounting.propose import ProposeJournal, ProposeReversal, propose_journals, propose_reversals
from app.accounting.types import JournalKind, Line
from app.banking.types import CashMovement
from app.banking.withdraw import withdraw
from app.clients.close import CloseAccount, close_accounts
from app.clients.types import Account
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.money import UNIT
from app.ledger.chart import USD, Kind
from app.ledger.types import Journal
from tests.accounting.keeping import ANN, BOB, Keeping
from tests.accounting.test_export_account import added_up, export
from tests.accounting.test_general_ledger import exported
from tests.accounting.test_journals import journal, position_of, reversed_by_two, sound, stream
from tests.accounting.test_reserve import reserve
from tests.world import World, running


def line(debit: Kind, credit: Kind, dollars: int = 4, asset: int = USD) -> Line:
    return Line(debit, credit, asset, dollars * UNIT)


FEE = (line(Kind.SETTLED, Kind.FEES), line(Kind.FIRM_BANK, Kind.FBO))
INTEREST = (line(Kind.CASH, Kind.SETTLED), line(Kind.FBO, Kind.FIRM_BANK))
TRANSFER = (line(Kind.SETTLED, Kind.SETTLED),)
DEBT = (line(Kind.RECEIVABLE, Kind.FEES),)


def transfer(sender: Account, receiver: Account, **changed: Any) -> ProposeJournal:
    to: dict[str, Any] = {"to_account_id": receiver.id, "to_book": receiver.book_id}
    return journal(sender, TRANSFER, kind=JournalKind.TRANSFER, **to, **changed)


async def by_two(world: World, command: ProposeJournal) -> UUID:
    id_ = await world.commits.submit(propose_journals, command)
    assert await world.commits.submit(approve, Decide(id_, BOB)) == id_
    return id_


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "lines", "settled"), [(JournalKind.FEE, FEE, 6), (JournalKind.INTEREST, INTEREST, 14)]
)
async def test_a_fee_and_interest_are_told_as_such(
    database_url: str, kind: JournalKind, lines: Sequence[Line], settled: int
) -> None:
    async with running(database_url) as world:
        keeping, investor = Keeping(world), await world.investor(10)
        await keeping.fund_house(100)
        await by_two(world, journal(investor, lines, kind=kind))
        assert (await stream(world, investor.book_id))[-1].type.value == kind.value
        assert (await world.cash(investor)).settled == settled * UNIT
        assert (await reserve(world)).excess == 0
        books = await keeping.books()
        assert books.balanced
        assert books.net(Kind.FEES) == (4 * UNIT if kind is JournalKind.FEE else 0)
        assert [row["event"] for row in (await exported(world))[-4:]] == [kind.value] * 4
        await reversed_by_two(world, await position_of(world, investor, EventType(kind.value)))
        assert (await world.cash(investor)).settled == 10 * UNIT
        assert (await reserve(world)).excess == 0
        await sound(world)


@pytest.mark.asyncio
async def test_a_transfer_stands_in_both_stories(database_url: str) -> None:
    async with running(database_url) as world:
        ann, bob = await world.investor(10), await world.investor(1)
        id_ = await by_two(world, transfer(ann, bob))
        for account, settled, way in ((ann, 6, ("SETTLED", "FBO")), (bob, 5, ("FBO", "SETTLED"))):
            told = (await stream(world, account.book_id))[-1]
            assert (told.type, told.actor, told.correlation) == (EventType.TRANSFER, BOB, id_)
            assert (await world.cash(account)).settled == settled * UNIT
            took = await export(world, account)
            [moved] = took["entries"][-1]["transfers"]
            assert (moved["debit"].upper(), moved["credit"].upper(), moved["amount"]) == (*way, "4.00000000")
            assert set(added_up(took["entries"]).values()) == {settled}
            position = (await Keeping(world).journal(id_)).position
            assert [(each["kind"], each["position"]) for each in took["journals"]] == [
                ("TRANSFER", position if account is ann else None)
            ]
        head = await Keeping(world).head()
        for position in (head, head - 1):
            books = await Keeping(world).books(position)
            assert books.balanced
            assert books.net(Kind.SETTLED) == -books.net(Kind.FBO), "the bank has what is customers' after each half"
        assert (await reserve(world)).excess == 0
        await sound(world)


@pytest.mark.asyncio
async def test_who_owes_sends_nothing_and_who_receives_repays_first(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, ann, bob = Keeping(world), await world.investor(10), await world.investor()
        await by_two(world, journal(bob, DEBT, kind=JournalKind.FEE))
        await by_two(world, replace(transfer(ann, bob), lines=(line(Kind.SETTLED, Kind.SETTLED, 5),)))
        cash = await world.cash(bob)
        assert (cash.settled, cash.receivable) == (UNIT, 0)
        await by_two(world, journal(ann, DEBT, kind=JournalKind.FEE))
        id_ = await world.commits.submit(propose_journals, transfer(ann, bob))
        code, words = await keeping.refusal(approve, Decide(id_, BOB))
        assert code == "INSUFFICIENT"
        assert "owes 4.00" in words
        await sound(world)


@pytest.mark.asyncio
async def test_a_transfer_that_can_not_be(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, ann = Keeping(world), await world.investor(3)
        world.clock.advance(timedelta(hours=1))
        bob = await world.investor()
        early = transfer(ann, bob, effective_at=world.clock.now() - timedelta(minutes=1))
        code, words = await keeping.refusal(propose_journals, early)
        assert code == "EFFECTIVE_AT_INVALID"
        assert "was opened" in words
        ids = [await world.commits.submit(propose_journals, transfer(ann, bob)) for _ in range(2)]
        assert (await keeping.refusal(approve, Decide(ids[0], BOB)))[0] == "INSUFFICIENT"
        await world.commits.submit(close_accounts, CloseAccount(bob, "test"))
        assert (await keeping.refusal(approve, Decide(ids[1], BOB)))[0] == "ACCOUNT_CLOSED"
        assert (await keeping.refusal(propose_journals, transfer(ann, bob)))[0] == "ACCOUNT_CLOSED"


@pytest.mark.asyncio
async def test_a_transfer_is_not_taken_back_by_half(database_url: str) -> None:
    async with running(database_url) as world:
        keeping, ann, bob = Keeping(world), await world.investor(10), await world.investor()
        await by_two(world, transfer(ann, bob))
        for account in (ann, bob):
            at = await position_of(world, account, EventType.TRANSFER)
            code, words = await keeping.refusal(propose_reversals, ProposeReversal(at, "No", ANN))
            assert code == "NOT_REVERSIBLE"
            assert "by one the other way" in words
        await by_two(world, transfer(bob, ann))
        assert (await world.cash(ann)).settled == 10 * UNIT


@pytest.mark.asyncio
async def test_interest_that_was_spent_is_owed(database_url: str) -> None:
    async with running(database_url) as world:
        investor = await world.investor()
        await Keeping(world).fund_house(10)
        await by_two(world, journal(investor, INTEREST, kind=JournalKind.INTEREST))
        await world.commits.submit(withdraw, CashMovement(investor.book_id, 3 * UNIT, "test"))
        await reversed_by_two(world, await position_of(world, investor, EventType.INTEREST))
        cash = await world.cash(investor)
        assert (cash.settled, cash.receivable) == (0, -3 * UNIT)
        assert (await reserve(world)).excess == 0, "the firm lends it; other customers' money stays at their bank"
        await sound(world)


WRONG: dict[str, tuple[JournalKind, Sequence[Line]]] = {
    "a fee to the customer": (JournalKind.FEE, INTEREST),
    "a fee that stays at the customers' bank": (JournalKind.FEE, FEE[:1]),
    "a fee of which the bank moves less": (JournalKind.FEE, (FEE[0], line(Kind.FIRM_BANK, Kind.FBO, 3))),
    "a debt that the bank moves": (JournalKind.FEE, (*DEBT, FEE[1])),
    "a fee of nobody": (JournalKind.FEE, ()),
    "only the bank": (JournalKind.FEE, (line(Kind.FIRM_BANK, Kind.FBO, 0),)),
    "a fee to the firm's money": (JournalKind.FEE, (line(Kind.SETTLED, Kind.CASH), FEE[1])),
    "interest from the customer": (JournalKind.INTEREST, FEE),
    "interest without the bank": (JournalKind.INTEREST, INTEREST[:1]),
    "a transfer to the firm": (JournalKind.TRANSFER, FEE),
    "two transfers": (JournalKind.TRANSFER, TRANSFER * 2),
    "a transfer of shares": (JournalKind.TRANSFER, (line(Kind.POSITION, Kind.POSITION, asset=2),)),
    "a transfer of shares by another name": (JournalKind.TRANSFER, (line(Kind.SETTLED, Kind.SETTLED, asset=2),)),
    "a reversal": (JournalKind.REVERSAL, FEE),
}


@pytest.mark.parametrize("what", WRONG)
def test_lines_that_are_not_of_the_kind(what: str) -> None:
    kind, lines = WRONG[what]
    receiver = 4 if kind is JournalKind.TRANSFER else None
    found = legs_of(kind, lines, Journal(1, UUID(int=1), 1, 2), 3, receiver)
    assert isinstance(found, Refusal)
    assert found.code.value == ("LINES_INVALID" if not lines else "KIND_MISMATCH")


@pytest.mark.parametrize(
    ("kind", "sender", "receiver"),
    [
        (JournalKind.TRANSFER, 3, None),
        (JournalKind.TRANSFER, None, 3),
        (JournalKind.TRANSFER, 3, 3),
        (JournalKind.FEE, 3, 4),
        (JournalKind.FEE, None, None),
    ],
)
def test_whose_accounts_must_be_named(kind: JournalKind, sender: int | None, receiver: int | None) -> None:
    lines = TRANSFER if kind is JournalKind.TRANSFER else FEE
    found = legs_of(kind, lines, Journal(1, UUID(int=1), 1, 2), sender, receiver)
    assert isinstance(found, Refusal)
    assert found.code.value == "ACCOUNT_REQUIRED"


def test_an_amount_of_a_transfer_is_in_whole_cents() -> None:
    found = legs_of(
        JournalKind.TRANSFER, [Line(Kind.SETTLED, Kind.SETTLED, USD, 1)], Journal(1, UUID(int=1), 1, 2), 3, 4
    )
    assert isinstance(found, Refusal)
    assert found.code.value == "AMOUNT_INVALID"
