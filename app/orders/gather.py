"""A window closes: its orders become one market order, and the allocation statement is stored before anything is sent.

The journal's lock is held while this runs, so however many processes think that a window is due, one takes its orders.
A statement with many lines is written in chunks; the market order is sized and may be sent when the last is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import UNIT, to_decimal, to_text
from app.ledger.books import open_books
from app.ledger.chart import BookKind, Kind, address
from app.ledger.commit import Batch
from app.ledger.postings import house_supplies
from app.ledger.types import Entry
from app.market.types import Side
from app.orders.deal import size_deal
from app.orders.lead import Lead, still_leading
from app.orders.progress import ENGINE, event_of
from app.orders.record_gathering import record_gathered, record_lines
from app.orders.rows import SELECT_ORDER, market_order_from, order_from, units
from app.orders.run import CHUNK
from app.orders.types import Capacity, Group, MarketOrder, MarketOrderStatus, Order, OrderType
from app.risk.rules import rules_in_force
from app.venues.house import HOUSE
from app.venues.profile import EXACT, Precision

#: One market order takes this many orders at most; more wait for the next.
MAX_PARTICIPANTS = 50_000


@dataclass(frozen=True, slots=True)
class Gather:
    """The orders of a group are due if the first of them was placed by ``opened_by``.

    ``price`` turns dollars into stated shares: the quote, or the limit. ``market_order_id`` goes on with one whose
    statement is not complete yet. ``lead`` is the right to do so; without one it is not asked for.
    """

    group: Group
    opened_by: datetime
    price: int
    whole_shares: bool
    venue: str
    trade_date: date
    settles_on: date
    lead: Lead | None = None
    market_order_id: UUID | None = None
    precision: Precision = EXACT


@dataclass(frozen=True, slots=True)
class Gathered:
    """The market order that a window became, if it was due; and since when orders still wait, if any do."""

    market_order: MarketOrder | None
    open_since: datetime | None


async def gather(batch: Batch, commands: Sequence[Gather]) -> list[Gathered]:
    """Write each group's statement, or the next chunk of it. Orders of an instrument that is halted go on waiting."""
    leading = await still_leading(batch, [each.lead for each in commands if each.lead])
    rules = await rules_in_force(batch.connection, batch.journal.tenant_id, batch.effective_at)
    stock = await _inventory(batch, commands)
    due: list[tuple[int, Gather, list[Order], MarketOrder | None]] = []
    answers: dict[int, Gathered] = {}
    for index, command in enumerate(commands):
        stopped = rules.stops(command.group.instrument_id) and command.market_order_id is None
        if stopped or (command.lead is not None and command.lead not in leading):
            answers[index] = Gathered(None, None)
            continue
        begun = await _begun(batch, command)
        orders, open_since = await _waiting(batch, command, begun)
        answers[index] = Gathered(None, open_since)
        if orders or begun:
            due.append((index, command, orders, begun))
    fresh = [each for each in due if each[3] is None]
    made = iter(await _open(batch, [command for _, command, _, _ in fresh]))
    entries: list[Entry] = []
    lines: list[tuple[MarketOrder, Order, int]] = []
    gathered: list[tuple[MarketOrder, str]] = []
    for index, command, orders, begun in due:
        market_order = begun or next(made)
        shares = [(order, _stated(order, command)) for order in orders]
        lines += [(market_order, order, stated) for order, stated in shares]
        entries += [_routed(batch, order, market_order) for order in orders]
        market_order = replace(
            market_order,
            participants=market_order.participants + len(orders),
            requested=market_order.requested + sum(stated for _, stated in shares),
        )
        if len(orders) < CHUNK or market_order.participants >= MAX_PARTICIPANTS:
            by_amount = await _by_amount(batch, begun, shares)
            market_order = _sized(market_order, by_amount, command, stock)
            entries.append(_created(batch, market_order))
        principal = market_order.capacity is Capacity.PRINCIPAL
        gathered.append((market_order, HOUSE if principal else command.venue))
        answers[index] = Gathered(market_order, answers[index].open_since)
    await batch.post_facts(entries)
    await record_gathered(batch, gathered)
    await record_lines(batch, lines)
    return [answers[index] for index in range(len(commands))]


async def _begun(batch: Batch, command: Gather) -> MarketOrder | None:
    """The market order whose statement is to go on, unless it is complete."""
    if command.market_order_id is None:
        return None
    row = await batch.connection.fetchrow(
        "SELECT * FROM market_order WHERE id = $1 AND status = 'GATHERING'", command.market_order_id
    )
    return None if row is None else market_order_from(row)


async def _waiting(batch: Batch, command: Gather, begun: MarketOrder | None) -> tuple[list[Order], datetime | None]:
    """The next orders that are due, and since when others wait. One that another process took has left younger ones."""
    if command.market_order_id is not None and begun is None:
        return [], None
    group, terms = command.group, command.group.terms
    rows = await batch.connection.fetch(
        _WAITING_MARKET if terms.type is OrderType.MARKET else _WAITING_LIMIT,
        *(batch.journal.id, group.instrument_id, group.side.value, CHUNK + 1, batch.effective_at),
        *(
            ()
            if terms.type is OrderType.MARKET
            else (to_decimal(terms.limit_price or 0), terms.time_in_force.value, terms.expires_at)
        ),
    )
    last = begun.created_at if begun else batch.recorded_at
    if not begun and (not rows or rows[0]["placed_at"] > command.opened_by):
        return [], rows[0]["placed_at"] if rows else None
    room = min(CHUNK, MAX_PARTICIPANTS - (begun.participants if begun else 0))
    taken = [order_from(row) for row in rows[:room] if row["placed_at"] <= last]
    rest = rows[len(taken) :]
    return taken, rest[0]["placed_at"] if rest else None


async def _inventory(batch: Batch, commands: Sequence[Gather]) -> dict[int, int]:
    rows = await batch.connection.fetch(
        "SELECT asset_id, balance FROM ledger.account WHERE id = ANY ($1)",
        [address(batch.journal.house, each.group.instrument_id, Kind.INVENTORY) for each in commands],
    )
    return {row["asset_id"]: units(row["balance"]) for row in rows}


async def _open(batch: Batch, commands: Sequence[Gather]) -> list[MarketOrder]:
    if not commands:
        return []
    ids = [new_id() for _ in commands]
    books = await open_books(batch.connection, batch.journal.id, BookKind.MARKET_ORDER, ids)
    return [_opened(batch, *each) for each in zip(ids, books, commands, strict=True)]


def _opened(batch: Batch, id_: UUID, book: int, command: Gather) -> MarketOrder:
    return MarketOrder(
        id=id_,
        journal_id=batch.journal.id,
        book_id=book,
        instrument_id=command.group.instrument_id,
        side=command.group.side,
        terms=command.group.terms,
        status=MarketOrderStatus.GATHERING,
        reference_price=command.price,
        trade_date=command.trade_date,
        settles_on=command.settles_on,
        precision=command.precision,
        created_at=batch.recorded_at,
    )


def _stated(order: Order, command: Gather) -> int:
    if order.quantity is not None:
        return order.quantity
    assert order.amount is not None
    shares = max(command.precision.step, command.precision.quotient(order.amount * UNIT, command.price))
    return min(shares, order.held) if order.side is Side.SELL else shares


async def _by_amount(batch: Batch, begun: MarketOrder | None, shares: Sequence[tuple[Order, int]]) -> int:
    """How much of a statement is for orders by amount."""
    before = 0
    if begun is not None:
        found = await batch.connection.fetchval(
            "SELECT coalesce(sum(a.quantity), 0) FROM allocation a JOIN customer_order o ON o.id = a.order_id"
            " WHERE a.market_order_id = $1 AND o.amount IS NOT NULL",
            begun.id,
        )
        before = units(found)
    return before + sum(stated for order, stated in shares if order.amount is not None)


def _sized(made: MarketOrder, by_amount: int, command: Gather, stock: dict[int, int]) -> MarketOrder:
    """The statement is complete: say how much is dealt."""
    inventory = stock.get(made.instrument_id, 0)
    deal = size_deal(made.side, made.requested - by_amount, by_amount, inventory, whole_shares=command.whole_shares)
    stock[made.instrument_id] = inventory - deal.supplied
    quantity = made.requested if deal.capacity is Capacity.PRINCIPAL else deal.quantity
    return replace(
        made,
        status=MarketOrderStatus.CREATED,
        capacity=deal.capacity,
        quantity=quantity,
        supplied=deal.supplied,
        reference_price=command.price,
    )


def _created(batch: Batch, made: MarketOrder) -> Entry:
    data = {
        "market_order": str(made.id),
        "instrument": made.instrument_id,
        "side": made.side,
        "orders": made.participants,
        "requested": to_text(made.requested),
        "quantity": to_text(made.quantity),
        "supplied": to_text(made.supplied),
        "capacity": made.capacity,
        "type": made.terms.type,
        "limit_price": None if made.terms.limit_price is None else to_text(made.terms.limit_price),
    }
    type_ = EventType.MARKET_ORDER_CREATED
    legs = house_supplies(batch.journal, made.book_id, made.instrument_id, made.supplied) if made.supplied else []
    return Entry(NewEvent(made.book_id, type_, ENGINE, batch.effective_at, correlation=made.id, data=data), legs)


def _routed(batch: Batch, order: Order, made: MarketOrder) -> Entry:
    data = event_of(order, market_order=str(made.id))
    event = NewEvent(
        order.book_id,
        EventType.ORDER_NEW,
        ENGINE,
        batch.effective_at,
        cause=made.id,
        correlation=order.id,
        data=data,
    )
    return Entry(event)


_WAITING_MARKET = (
    SELECT_ORDER
    + """
FROM customer_order o WHERE journal_id = $1 AND instrument_id = $2 AND side = $3 AND status = 'ACCEPTED'
  AND type = 'MARKET' AND limit_price IS NULL AND time_in_force = 'DAY' AND expires_at > $5
ORDER BY placed_at, id LIMIT $4
"""
)

_WAITING_LIMIT = (
    SELECT_ORDER
    + """
FROM customer_order o WHERE journal_id = $1 AND instrument_id = $2 AND side = $3 AND status = 'ACCEPTED'
  AND type = 'LIMIT' AND limit_price = $6 AND time_in_force = $7 AND expires_at IS NOT DISTINCT FROM $8
  AND (expires_at IS NULL OR expires_at > $5)
ORDER BY placed_at, id LIMIT $4
"""
)
