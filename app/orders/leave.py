"""Orders leave their market order: the venue is asked to deal less, and when it agrees they are free.

Whoever leaves takes no part in further fills, as long as those who stay can take them. Nothing is asked of the venue
if it has not been sent the order yet, if it deals less already, or if what they leave is the house's part of a share
anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT, to_decimal, to_text
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.market.types import Side
from app.orders.facts import change_entry
from app.orders.progress import ENGINE, event_of, release
from app.orders.record_market_orders import record_market_orders, record_venue_orders
from app.orders.request import rest_to_hold
from app.orders.rows import market_order_from, order_from, units, venue_order_from
from app.orders.types import (
    Capacity,
    MarketOrder,
    MarketOrderStatus,
    Order,
    OrderStatus,
    VenueOrderState,
    VenueOrderStatus,
)
from app.orders.unclear import REFUSED_OFTEN
from app.venues.port import Report, ReportKind

#: The longest (seconds) that a venue is left alone that has refused every request so far.
_MOST: Final = 300


@dataclass(frozen=True, slots=True)
class LetGo:
    """Some orders of a market order want to leave it; the venue deals whole shares or not."""

    market_order_id: UUID
    whole_shares: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What the venue is to be asked: less (``quantity``) or the end (None); or what is so without asking it."""

    market_order: MarketOrder
    venue: str
    number: int
    replaces: int
    quantity: int | None
    without_asking: ReportKind | None


async def ask_to_let_go(batch: Batch, commands: Sequence[LetGo]) -> list[Asked | None]:
    """The next request to each venue, recorded before it is sent. None while one is under way, or nobody leaves."""
    answers = []
    for command in commands:
        found = await _read(batch, command.market_order_id)
        answers.append(None if found is None else await _ask(batch, command, *found))
    return answers


async def _ask(
    batch: Batch, command: LetGo, made: MarketOrder, at_venue: VenueOrderState, leavers: list[tuple[Order, int]]
) -> Asked | None:
    gathering = made.status is MarketOrderStatus.GATHERING  # who leaves is dealt with once it is known who is in
    if made.ended_at is not None or at_venue.status.is_final or gathering:
        return None
    if await batch.connection.fetchval("SELECT true FROM allocation_run WHERE market_order_id = $1", made.id):
        return None  # and once it is known what everybody has
    if at_venue.awaits_answer:  # asked by a process that is gone, perhaps; the venue knows the number if it heard it
        without = ReportKind.CANCELED if at_venue.sent_at is None else None
        return Asked(made, at_venue.venue, at_venue.number, at_venue.accepted, at_venue.asked_quantity, without)
    if await _rests(batch, made, at_venue, leavers):
        return None
    staying, wanted = await _still_wanted(batch, made.id)
    left = sum(stated - order.filled_quantity for order, stated in leavers)
    if not leavers:  # what was taken back from somebody who has left is wanted by nobody
        left = max(0, made.quantity - wanted)
    quantity = _lowered(made, left, wanted, command.whole_shares) if staying else None
    if not leavers and quantity == made.quantity:
        return None
    if quantity is not None and quantity <= made.filled_quantity:
        quantity = None
    unsent = at_venue.sent_at is None
    lowered = at_venue.quantity is not None and quantity is not None and at_venue.quantity <= quantity
    without = None
    if unsent or lowered or quantity == made.quantity:
        without = ReportKind.CANCELED if quantity is None else ReportKind.REPLACED
    if without is ReportKind.REPLACED:
        return await _let_go_at_once(batch, made, at_venue, leavers, quantity or made.quantity)
    asked = replace(
        at_venue,
        status=VenueOrderStatus.PENDING_CANCEL if quantity is None else VenueOrderStatus.PENDING_REPLACE,
        number=at_venue.number + 1,
        asked_quantity=quantity,
    )
    await record_venue_orders(batch, [asked])
    await batch.connection.execute(
        "UPDATE customer_order SET change_number = $2 WHERE id = ANY ($1)",
        [order.id for order, _ in leavers],
        asked.number,
    )
    if without is None:
        await batch.post_facts([_requested(batch, made, asked)])
    return Asked(made, asked.venue, asked.number, asked.accepted, quantity, without)


async def _rests(batch: Batch, made: MarketOrder, at_venue: VenueOrderState, leavers: list[tuple[Order, int]]) -> bool:
    """Whether a venue that has refused often is left alone for now: a second for each time.

    Only where all that is wanted can wait: those whose time is over ask again by themselves. Each refusal has the order
    told again from its beginning, so that asking every second would come to more and more.
    """
    refused = at_venue.number - at_venue.accepted
    if refused < REFUSED_OFTEN or not all(order.ends_as is OrderStatus.EXPIRED for order, _ in leavers):
        return False
    last: datetime | None = await batch.connection.fetchval(
        "SELECT recorded_at FROM ledger.event WHERE journal_id = $1 AND book_id = $2"
        " AND sequence = (SELECT sequence FROM ledger.book WHERE id = $2)",
        batch.journal.id,
        made.book_id,
    )
    return last is not None and batch.recorded_at - last < timedelta(seconds=min(refused, _MOST))


async def _let_go_at_once(
    batch: Batch, made: MarketOrder, at_venue: VenueOrderState, leavers: list[tuple[Order, int]], quantity: int
) -> Asked:
    """What the venue need not know gets no number of its own: the venue would miss it in the next request."""
    number = at_venue.accepted
    if quantity != made.quantity:
        made = replace(made, quantity=quantity)
        report = Report(
            at_venue.venue, made.id, ReportKind.REPLACED, batch.effective_at, number=number, order_quantity=quantity
        )
        await record_market_orders(batch, [made])
        await batch.post_facts([change_entry(made, report)])
    await batch.connection.execute(
        "UPDATE customer_order SET change_number = $2 WHERE id = ANY ($1)", [order.id for order, _ in leavers], number
    )
    return Asked(made, at_venue.venue, number, number, quantity, ReportKind.REPLACED)


async def _read(
    batch: Batch, market_order_id: UUID
) -> tuple[MarketOrder, VenueOrderState, list[tuple[Order, int]]] | None:
    row = await batch.connection.fetchrow("SELECT * FROM market_order WHERE id = $1", market_order_id)
    at_venue = await batch.connection.fetchrow("SELECT * FROM venue_order WHERE market_order_id = $1", market_order_id)
    if row is None or at_venue is None:
        return None
    leavers = await batch.connection.fetch(
        "SELECT o.*, a.quantity AS stated FROM customer_order o JOIN allocation a ON a.order_id = o.id"
        " WHERE o.market_order_id = $1 AND o.ends_as IS NOT NULL AND o.ended_at IS NULL AND o.change_number IS NULL",
        market_order_id,
    )
    return (
        market_order_from(row),
        venue_order_from(at_venue),
        [(order_from(each), units(each["stated"])) for each in leavers],
    )


async def _still_wanted(batch: Batch, market_order_id: UUID) -> tuple[int, int]:
    """How many orders stay, and what they want together with what the others have."""
    row = await batch.connection.fetchrow(
        "SELECT count(*) FILTER (WHERE s.stays) AS staying,"
        " coalesce(sum(CASE WHEN s.stays THEN s.stated ELSE s.filled END), 0) AS wanted FROM ("
        "   SELECT o.ended_at IS NULL AND o.ends_as IS NULL AS stays, a.quantity AS stated, o.filled_quantity AS filled"
        "   FROM allocation a JOIN customer_order o ON o.id = a.order_id WHERE a.market_order_id = $1) s",
        market_order_id,
    )
    assert row is not None
    return row["staying"], units(row["wanted"])


def _lowered(made: MarketOrder, left: int, wanted: int, whole_shares: bool) -> int:
    """The quantity without ``left`` units: customers who stay fill first, and the house is not made short."""
    if made.capacity is Capacity.PRINCIPAL or not whole_shares:
        return made.quantity - left
    if made.side is Side.BUY:
        return made.quantity - left // UNIT * UNIT
    return min(made.quantity, (wanted + made.supplied) // UNIT * UNIT)


def _requested(batch: Batch, made: MarketOrder, asked: VenueOrderState) -> Entry:
    data = {
        "market_order": str(made.id),
        "number": asked.number,
        "quantity": None if asked.asked_quantity is None else to_text(asked.asked_quantity),
    }
    type_ = EventType.MARKET_ORDER_CHANGE_REQUESTED
    return Entry(NewEvent(made.book_id, type_, ENGINE, batch.effective_at, correlation=made.id, data=data))


async def stay_after_all(batch: Batch, made: MarketOrder, refused: Sequence[Report]) -> list[Entry]:
    """The venue did not let go: the orders stay what they were, but for those whose time is over: they ask again."""
    entries = []
    for report in refused:
        rows = await batch.connection.fetch(
            "SELECT * FROM customer_order WHERE market_order_id = $1 AND change_number = $2 AND ended_at IS NULL"
            " ORDER BY id",
            made.id,
            report.number,
        )
        for order in map(order_from, rows):
            entries += await _stays(batch, order, report.reason)
    return entries


async def _stays(batch: Batch, order: Order, reason: str | None) -> list[Entry]:
    if order.ends_as is OrderStatus.EXPIRED:
        await batch.connection.execute("UPDATE customer_order SET change_number = NULL WHERE id = $1", order.id)
        return []
    status = OrderStatus.PARTIALLY_FILLED if order.filled_quantity else OrderStatus.NEW
    surplus = max(0, order.held - rest_to_hold(order))  # what a replacement would have needed
    funding = order.funding
    if surplus and order.side is Side.BUY:
        funding = funding.minus(funding.rest_after(funding.total - surplus))
    await batch.connection.execute(
        "UPDATE customer_order SET status = $2, held = held - $3, ends_as = NULL, change_number = NULL,"
        " replacement = NULL, reason = NULL, funded_settled = $4, funded_unsettled = $5, funded_instant = $6"
        " WHERE id = $1",
        order.id,
        status.value,
        *(to_decimal(each) for each in (surplus, funding.settled, funding.unsettled, funding.instant)),
    )
    replaced = order.ends_as is OrderStatus.REPLACED
    type_ = EventType.ORDER_REPLACE_REJECTED if replaced else EventType.ORDER_CANCEL_REJECTED
    data = event_of(order, reason=reason)
    event = NewEvent(order.book_id, type_, ENGINE, batch.effective_at, correlation=order.id, data=data)
    return [Entry(event, release(order, surplus) if surplus else [])]
