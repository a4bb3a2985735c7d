"""A window closes: its orders become one market order, and the allocation statement is stored before anything is sent.

The journal's lock is held while this runs, so however many processes think that a window is due, one takes its orders.
A statement with many lines is written in chunks; the market order is sized and may be sent when the last is there.
"""

from collections.abc import Mapping, Sequence
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
    """The market order that a window became, if it was due; and since when orders wait that are not in it, if any do.

    ``again``: another command of the same commit took the group's orders, so this one is to be asked again.
    """

    market_order: MarketOrder | None
    open_since: datetime | None
    again: bool = False


async def gather(batch: Batch, commands: Sequence[Gather]) -> list[Gathered]:
    """Write each group's statement, or the next chunk of it. Orders of an instrument that is halted go on waiting."""
    leading = await still_leading(batch, [each.lead for each in commands if each.lead])
    rules = await rules_in_force(batch.connection, batch.journal.tenant_id, batch.effective_at)
    stock = await _inventory(batch, commands)
    begun = await _begun(batch, commands)
    answers: dict[int, Gathered] = {}
    asked: dict[Group, int] = {}
    for index, command in enumerate(commands):
        stopped = rules.stops(command.group.instrument_id) and command.market_order_id is None
        over = command.market_order_id is not None and command.market_order_id not in begun
        if stopped or over or (command.lead is not None and command.lead not in leading):
            answers[index] = Gathered(None, None)
        elif asked.setdefault(command.group, index) != index:
            answers[index] = Gathered(None, None, again=True)
    waiting = await _waiting(batch, list(asked))
    due: list[_Due] = []
    for group, index in asked.items():
        found = _due(batch, index, commands[index], begun, waiting[group])
        answers[index] = Gathered(None, found.open_since)
        if found.orders or found.begun:
            due.append(found)
    made = iter(await _open(batch, [each.command for each in due if each.begun is None]))
    entries: list[Entry] = []
    lines: list[tuple[MarketOrder, Order, int]] = []
    gathered: list[tuple[MarketOrder, str]] = []
    for each in due:
        command, orders = each.command, each.orders
        market_order = each.begun or next(made)
        shares = [(order, _stated(order, command)) for order in orders]
        lines += [(market_order, order, stated) for order, stated in shares]
        entries += [_routed(batch, order, market_order) for order in orders]
        market_order = replace(
            market_order,
            participants=market_order.participants + len(orders),
            requested=market_order.requested + sum(stated for _, stated in shares),
        )
        if each.complete:
            by_amount = await _by_amount(batch, each.begun, shares)
            market_order = _sized(market_order, by_amount, command, stock)
            entries.append(_created(batch, market_order))
        principal = market_order.capacity is Capacity.PRINCIPAL
        gathered.append((market_order, HOUSE if principal else command.venue))
        answers[each.index] = Gathered(market_order, each.open_since)
    await batch.post_facts(entries)
    await record_gathered(batch, gathered)
    await record_lines(batch, lines)
    return [answers[index] for index in range(len(commands))]


@dataclass(frozen=True, slots=True)
class _Due:
    """The orders that a command takes (of a statement that was ``begun``, perhaps), and whether they complete it."""

    index: int
    command: Gather
    begun: MarketOrder | None
    orders: Sequence[Order]
    complete: bool
    open_since: datetime | None


async def _begun(batch: Batch, commands: Sequence[Gather]) -> dict[UUID, MarketOrder]:
    """The market orders whose statements are to go on, but for those that are complete."""
    ids = [each.market_order_id for each in commands if each.market_order_id]
    if not ids:
        return {}
    rows = await batch.connection.fetch("SELECT * FROM market_order WHERE id = ANY ($1) AND status = 'GATHERING'", ids)
    return {row["id"]: market_order_from(row) for row in rows}


async def _waiting(batch: Batch, groups: Sequence[Group]) -> dict[Group, list[Order]]:
    """The first orders that wait in each group: one more than a chunk at most."""
    found: dict[Group, list[Order]] = {group: [] for group in groups}
    for type_, read in ((OrderType.MARKET, _WAITING_MARKET), (OrderType.LIMIT, _WAITING_LIMIT)):
        asked = [group for group in groups if group.terms.type is type_]
        if not asked:
            continue
        rows = await batch.connection.fetch(
            read,
            *(batch.journal.id, CHUNK + 1, batch.effective_at),
            [group.instrument_id for group in asked],
            [group.side.value for group in asked],
            [None if group.terms.limit_price is None else to_decimal(group.terms.limit_price) for group in asked],
            [group.terms.time_in_force.value for group in asked],
            [group.terms.expires_at for group in asked],
        )
        for row in rows:
            found[asked[row["place"] - 1]].append(order_from(row))
    return found


def _due(
    batch: Batch, index: int, command: Gather, begun: Mapping[UUID, MarketOrder], waiting: Sequence[Order]
) -> _Due:
    """What of the waiting orders is due now. One that another process took has left younger ones."""
    goes_on = None if command.market_order_id is None else begun[command.market_order_id]
    if goes_on is None and (not waiting or waiting[0].placed_at > command.opened_by):
        return _Due(index, command, None, [], False, waiting[0].placed_at if waiting else None)
    last = goes_on.created_at if goes_on else batch.recorded_at
    room = MAX_PARTICIPANTS - (goes_on.participants if goes_on else 0)
    due = [order for order in waiting if order.placed_at <= last]
    taken = due[: min(CHUNK, room)]
    complete = len(taken) in (len(due), room)
    # What waits for the statement's next chunk opens no window.
    rest = waiting[len(taken) :] if complete else []
    return _Due(index, command, goes_on, taken, complete, rest[0].placed_at if rest else None)


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


#: In the order of the index customer_order_waiting, so that nothing is sorted: of market orders no limit differs.
_WAITING = (
    "SELECT u.place, o.* FROM unnest($4::int[], $5::text[], $6::numeric[], $7::text[], $8::timestamptz[])"  # noqa: S608 - no input in it
    " WITH ORDINALITY AS u(instrument, side, limit_price, time_in_force, expires_at, place), LATERAL ("
    + SELECT_ORDER
    + """
  FROM customer_order o
  WHERE o.journal_id = $1 AND o.instrument_id = u.instrument AND o.side = u.side AND o.status = 'ACCEPTED' AND {}
  ORDER BY o.limit_price, o.placed_at, o.id LIMIT $2) o
"""
)

_WAITING_MARKET = _WAITING.format(
    "o.type = 'MARKET' AND o.limit_price IS NULL AND o.time_in_force = 'DAY' AND o.expires_at > $3"
)

_WAITING_LIMIT = _WAITING.format(
    "o.type = 'LIMIT' AND o.limit_price = u.limit_price AND o.time_in_force = u.time_in_force"
    " AND o.expires_at IS NOT DISTINCT FROM u.expires_at AND (o.expires_at IS NULL OR o.expires_at > $3)"
)
