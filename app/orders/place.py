"""Accepting orders: the hold, the order and its first event in one commit; each order is accepted or refused alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import to_units
from app.ledger.chart import Kind, address
from app.ledger.commit import Batch
from app.ledger.postings import Funding, hold_cash, hold_shares
from app.ledger.types import Entry, Refused
from app.market.types import Side
from app.orders.errors import PlaceOrderError, declined
from app.orders.record_orders import record_orders
from app.orders.request import Size, dollars_to_hold, shares_to_hold
from app.orders.succeed import accepted_data
from app.orders.types import Order, OrderStatus, Terms


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A checked request. ``price`` is the quote it was checked against, in units of 1e-8."""

    account_id: UUID
    book: int
    instrument_id: int
    side: Side
    size: Size
    price: int
    actor: str
    terms: Terms


async def place(batch: Batch, commands: Sequence[PlaceOrder]) -> list[UUID | Refusal]:
    """Hold what each order needs and accept it; answers the orders' ids, or why not."""
    available = await _sellable(batch, commands)
    drafts = [_draft(batch, command, available) for command in commands]
    entries = [_entry(batch, draft, command.actor) for draft, command in zip(drafts, commands, strict=True) if draft]
    verdicts = iter(await batch.post(entries))
    answers: list[UUID | Refusal] = []
    accepted: list[Order] = []
    for draft in drafts:
        if draft is None:
            answers.append(_nothing_to_sell())
        elif isinstance(verdict := next(verdicts), Refused):
            answers.append(declined(draft.side, draft.held, verdict))
        else:
            answers.append(draft.id)
            accepted.append(replace(draft, funding=Funding(*verdict.taken)) if draft.side is Side.BUY else draft)
    await record_orders(batch, await _with_funding_dates(batch, accepted))
    return answers


async def _sellable(batch: Batch, commands: Sequence[PlaceOrder]) -> dict[int, int]:
    """Units that can be sold, by the address of the position."""
    positions = {address(each.book, each.instrument_id, Kind.POSITION) for each in commands if each.side is Side.SELL}
    if not positions:
        return {}
    rows = await batch.connection.fetch("SELECT id, balance FROM ledger.account WHERE id = ANY ($1)", positions)
    return {row["id"]: to_units(row["balance"]) for row in rows}


def _draft(batch: Batch, command: PlaceOrder, available: dict[int, int]) -> Order | None:
    """The order as it will stand; None when everything is to be sold and there is nothing."""
    size, price = command.size, command.terms.limit_price or command.price
    quantity = size.quantity
    if command.side is Side.BUY:
        hold = dollars_to_hold(size, price, command.terms.type)
    else:
        position = address(command.book, command.instrument_id, Kind.POSITION)
        left = available.get(position, 0)
        hold = shares_to_hold(size, price, left)
        available[position] = left - hold if hold <= left else left
        quantity = hold if size.everything else size.quantity
    if hold == 0:
        return None
    return Order(
        id=new_id(),
        journal_id=batch.journal.id,
        account_id=command.account_id,
        book_id=command.book,
        instrument_id=command.instrument_id,
        side=command.side,
        terms=command.terms,
        amount=size.amount,
        quantity=quantity,
        sell_all=size.everything,
        status=OrderStatus.ACCEPTED,
        reference_price=command.price,
        held=hold,
        placed_at=batch.recorded_at,
    )


def _entry(batch: Batch, draft: Order, actor: str) -> Entry:
    book, asset = draft.book_id, draft.instrument_id
    legs = hold_cash(book, draft.held) if draft.side is Side.BUY else hold_shares(book, asset, draft.held)
    data = accepted_data(draft)
    return Entry(
        NewEvent(book, EventType.ORDER_ACCEPTED, actor, batch.effective_at, correlation=draft.id, data=data), legs
    )


async def _with_funding_dates(batch: Batch, orders: Sequence[Order]) -> list[Order]:
    """Buys on unsettled money remember when the last of it settles (for good-faith violations)."""
    books = [order.book_id for order in orders if order.funding.unsettled]
    if not books:
        return list(orders)
    rows = await batch.connection.fetch(
        "SELECT book_id, max(due_on) AS due_on FROM cash_settlement WHERE book_id = ANY ($1) AND settled_at IS NULL"
        " GROUP BY book_id",
        books,
    )
    due = {row["book_id"]: row["due_on"] for row in rows}
    return [
        replace(order, funding_due_on=due.get(order.book_id)) if order.funding.unsettled else order for order in orders
    ]


def _nothing_to_sell() -> Refusal:
    return Refusal(
        PlaceOrderError.INSUFFICIENT_SHARES,
        "There is nothing of this to sell; check the account's positions.",
        "symbol",
    )
