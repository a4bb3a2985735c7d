"""Accepting orders: the hold, the order and its first event in one commit; each order is accepted or refused alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import to_units
from app.ledger.batch import Batch
from app.ledger.chart import Kind, address
from app.ledger.postings import Funding, hold_cash, hold_shares
from app.ledger.types import Entry, Refused
from app.market.types import Quote, Side
from app.orders.controls import Controls, controls_of
from app.orders.errors import PlaceOrderError, declined
from app.orders.funding import with_funding_dates
from app.orders.record_orders import record_orders
from app.orders.request import Size, dollars_to_hold, reference_price, shares_to_hold
from app.orders.succeed import accepted_data
from app.orders.types import Order, OrderStatus, Terms


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A checked request, and the quote it was checked against."""

    account_id: UUID
    book: int
    instrument_id: int
    side: Side
    size: Size
    quote: Quote
    actor: str
    terms: Terms

    @property
    def price(self) -> int:
        """What it would be dealt at: its limit, or the quote (units)."""
        return self.terms.limit_price or reference_price(self.side, self.quote)


async def place(batch: Batch, commands: Sequence[PlaceOrder]) -> list[Order | Refusal]:
    """Hold what each order needs and accept it; answers the orders as they were accepted, or why not."""
    available = await _sellable(batch, commands)
    controls = await controls_of(batch, [command.account_id for command in commands])
    answers: list[Order | Refusal] = []
    passed: list[tuple[int, Order]] = []
    for command in commands:
        draft = draft_of(batch, command, available)
        if isinstance(draft, Refusal):
            answers.append(draft)
            continue
        refusal = controls.review(draft, command.quote)
        answers.append(refusal or draft)
        if refusal is None:
            passed.append((len(answers) - 1, draft))
            _take_off(available, draft)
    entries = [_entry(batch, draft, commands[index].actor, controls) for index, draft in passed]
    accepted: dict[int, Order] = {}
    for (index, draft), verdict in zip(passed, await batch.post(entries), strict=True):
        if isinstance(verdict, Refused):
            answers[index] = controls.explain(draft, verdict) or declined(draft, verdict)
        else:
            accepted[index] = replace(draft, funding=Funding(*verdict.taken)) if draft.side is Side.BUY else draft
    orders = await with_funding_dates(batch, list(accepted.values()))
    await record_orders(batch, orders)
    for index, order in zip(accepted, orders, strict=True):
        answers[index] = order
    return answers


async def _sellable(batch: Batch, commands: Sequence[PlaceOrder]) -> dict[int, int]:
    """Units that can be sold, by the address of the position."""
    positions = {address(each.book, each.instrument_id, Kind.POSITION) for each in commands if each.side is Side.SELL}
    if not positions:
        return {}
    rows = await batch.connection.fetch("SELECT id, balance FROM ledger.account WHERE id = ANY ($1)", positions)
    return {row["id"]: to_units(row["balance"]) for row in rows}


def draft_of(batch: Batch, command: PlaceOrder, available: dict[int, int]) -> Order | Refusal:
    """The order as it will stand; a ``Refusal`` when everything is to be sold and there is nothing.

    ``available`` is what can be sold, by the address of the position.
    """
    size, price = command.size, command.price
    quantity = size.quantity
    if command.side is Side.BUY:
        hold = dollars_to_hold(size, price, command.terms.type)
    else:
        position = address(command.book, command.instrument_id, Kind.POSITION)
        hold = shares_to_hold(size, price, available.get(position, 0))
        quantity = hold if size.everything else size.quantity
    if hold == 0:
        return _nothing_to_sell()
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
        reference_price=reference_price(command.side, command.quote),
        held=hold,
        placed_at=batch.recorded_at,
    )


def _take_off(available: dict[int, int], draft: Order) -> None:
    """What the order takes can't be sold by the next one of its batch; if it wants more than there is it gets none."""
    position = address(draft.book_id, draft.instrument_id, Kind.POSITION)
    if draft.side is Side.SELL and draft.held <= available.get(position, 0):
        available[position] -= draft.held


def _entry(batch: Batch, draft: Order, actor: str, controls: Controls) -> Entry:
    book, asset = draft.book_id, draft.instrument_id
    if draft.side is Side.SELL:
        legs = hold_shares(book, asset, draft.held)
    else:
        legs = hold_cash(book, draft.held, settled_only=controls.settled_only(draft))
    data = accepted_data(draft)
    return Entry(
        NewEvent(book, EventType.ORDER_ACCEPTED, actor, batch.effective_at, correlation=draft.id, data=data), legs
    )


def _nothing_to_sell() -> Refusal:
    return Refusal(
        PlaceOrderError.INSUFFICIENT_SHARES,
        "There is nothing of this to sell; check the account's positions.",
        "symbol",
    )
