"""Accepting orders: the hold, the order and its first event in one commit; each order is accepted or refused alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import to_decimal, to_text, to_units
from app.ledger.chart import Kind, address
from app.ledger.commit import Batch
from app.ledger.postings import hold_cash, hold_shares
from app.ledger.types import Entry, Posted, Refused
from app.market.types import Side
from app.orders.errors import PlaceOrderError, declined
from app.orders.request import Size, dollars_to_hold, shares_to_hold
from app.orders.types import OrderStatus


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A checked request. ``price`` is the quote it was checked against, in units."""

    account_id: UUID
    book: int
    instrument_id: int
    side: Side
    size: Size
    price: int
    actor: str


async def place(batch: Batch, commands: Sequence[PlaceOrder]) -> list[UUID | Refusal]:
    """Hold what each order needs and accept it; answers the orders' ids, or why not."""
    available = await _sellable(batch, commands)
    drafts = [_draft(batch, command, available) for command in commands]
    held = [draft for draft in drafts if draft is not None]
    verdicts = iter(await batch.post([draft.entry for draft in held]))
    answers: list[UUID | Refusal] = []
    accepted: list[tuple[Any, ...]] = []
    for command, draft in zip(commands, drafts, strict=True):
        if draft is None:
            answers.append(_nothing_to_sell())
        elif isinstance(verdict := next(verdicts), Refused):
            answers.append(declined(command.side, draft.hold, verdict))
        else:
            answers.append(draft.id)
            accepted.append(_row(batch, command, draft, verdict))
    await batch.connection.executemany(_INSERT, accepted)
    return answers


@dataclass(frozen=True, slots=True)
class _Draft:
    id: UUID
    hold: int
    entry: Entry


async def _sellable(batch: Batch, commands: Sequence[PlaceOrder]) -> dict[int, int]:
    """Units that can be sold, by the address of the position."""
    positions = {address(each.book, each.instrument_id, Kind.POSITION) for each in commands if each.side is Side.SELL}
    if not positions:
        return {}
    rows = await batch.connection.fetch("SELECT id, balance FROM ledger.account WHERE id = ANY ($1)", positions)
    return {row["id"]: to_units(row["balance"]) for row in rows}


def _draft(batch: Batch, command: PlaceOrder, available: dict[int, int]) -> _Draft | None:
    """The order's hold and first event; None when everything is to be sold and there is nothing."""
    id_, size = new_id(), command.size
    if command.side is Side.BUY:
        hold = dollars_to_hold(size, command.price)
        legs = hold_cash(command.book, hold)
    else:
        position = address(command.book, command.instrument_id, Kind.POSITION)
        left = available.get(position, 0)
        hold = shares_to_hold(size, command.price, left)
        available[position] = left - hold if hold <= left else left
        legs = hold_shares(command.book, command.instrument_id, hold)
    if hold == 0:
        return None
    data = {
        "order": str(id_),
        "instrument": command.instrument_id,
        "side": command.side,
        "amount": None if size.amount is None else to_text(size.amount),
        "quantity": to_text(hold) if size.everything else None if size.quantity is None else to_text(size.quantity),
        "all": size.everything,
    }
    event = NewEvent(
        command.book, EventType.ORDER_ACCEPTED, command.actor, batch.effective_at, correlation=id_, data=data
    )
    return _Draft(id_, hold, Entry(event, legs))


def _row(batch: Batch, command: PlaceOrder, draft: _Draft, posted: Posted) -> tuple[Any, ...]:
    size = command.size
    quantity = draft.hold if size.everything else size.quantity
    funding = posted.taken if command.side is Side.BUY else (0, 0, 0)
    return (
        draft.id,
        batch.journal.tenant_id,
        batch.journal.id,
        command.account_id,
        command.book,
        command.instrument_id,
        command.side.value,
        None if size.amount is None else to_decimal(size.amount),
        None if quantity is None else to_decimal(quantity),
        size.everything,
        OrderStatus.ACCEPTED.value,
        to_decimal(command.price),
        to_decimal(draft.hold),
        *(to_decimal(units) for units in funding),
        batch.recorded_at,
    )


def _nothing_to_sell() -> Refusal:
    return Refusal(
        PlaceOrderError.INSUFFICIENT_SHARES,
        "There is nothing of this to sell; check the account's positions.",
        "symbol",
    )


_INSERT = """
INSERT INTO customer_order (id, tenant_id, journal_id, account_id, book_id, instrument_id, side, amount, quantity,
  sell_all, status, reference_price, held, funded_settled, funded_unsettled, funded_instant, placed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
"""
