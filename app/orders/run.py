"""Shares out what is new of market orders: posts and records each order's part, and at the end the house's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.ledger.batch import Batch
from app.ledger.types import Entry, Posted
from app.orders.fill import HousePart, OrderFill, closing_entry, entries_of, house_part
from app.orders.hear import street_part
from app.orders.plan import Participant, Progress
from app.orders.record_fills import record_fills
from app.orders.record_lots import record_lots
from app.orders.record_market_orders import expect_settlement, record_market_orders
from app.orders.reopen_account import reopen_closed
from app.orders.rows import SELECT_ORDER, order_from
from app.orders.succeed import Succession, record_successors, succession
from app.orders.types import Fill, Group, MarketOrder

#: One commit deals with so many orders of a market order at most, so that no allocation holds the journal long.
CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """What one commit shares out of a market order; ``last`` says that nothing of the run is left after it."""

    progress: Progress
    fills: Sequence[OrderFill]
    departed: Fill
    last: bool = True


async def participants_of(batch: Batch, market_orders: Iterable[UUID]) -> dict[UUID, list[Participant]]:
    """Every line of the allocation statements."""
    rows = await batch.connection.fetch(
        SELECT_ORDER + ", (a.quantity * 100000000)::bigint AS stated"
        " FROM customer_order o JOIN allocation a ON a.order_id = o.id"
        " WHERE a.market_order_id = ANY ($1) ORDER BY o.id",
        list(market_orders),
    )
    found: dict[UUID, list[Participant]] = {}
    for row in rows:
        found.setdefault(row["market_order_id"], []).append(Participant(order_from(row), row["stated"]))
    return found


async def share_out_now(batch: Batch, parts: Sequence[Part], before: Sequence[Entry] = ()) -> list[Group]:
    """Post ``before`` (the facts), then each order's part; answers in which groups orders took another's place."""
    # Who has closed the account had no open order.
    over = [fill.order.book_id for part in parts for fill in part.fills if fill.moves and fill.order.ended_at]
    if over:
        await reopen_closed(batch, over)
    drafts = [_draft(batch, part) for part in parts]
    entries = [*before, *(entry for draft in drafts for entry in draft.entries)]
    posted = (await batch.post_facts(entries))[len(before) :]
    fills: list[tuple[MarketOrder, OrderFill, Posted | None]] = []
    start = 0
    for draft in drafts:
        for fill, count in draft.fills:
            moved = posted[start] if fill.moves else None
            fills.append((draft.market_order, fill, moved))
            start += count
        start += draft.closing
    await record_fills(batch, [(made, fill) for made, fill, _ in fills])
    await record_lots(batch, fills)
    await record_successors(batch, [each for draft in drafts for each in draft.successions])
    await expect_settlement(batch, [draft.due for draft in drafts])
    await record_market_orders(batch, [draft.market_order for draft in drafts])
    return [each.group for draft in drafts for each in draft.successions]


@dataclass(frozen=True, slots=True)
class Due:
    """What the street and the banks owe each other for it. Units; negative where something is taken back."""

    market_order: MarketOrder
    quantity: int
    customers: int
    house: int


@dataclass(frozen=True, slots=True)
class _Draft:
    market_order: MarketOrder
    entries: list[Entry]
    fills: list[tuple[OrderFill, int]]
    successions: list[Succession]
    closing: int
    due: Due


def _draft(batch: Batch, part: Part) -> _Draft:
    progress, made = part.progress, part.progress.market_order
    entries: list[Entry] = []
    fills: list[tuple[OrderFill, int]] = []
    successions = []
    for fill in part.fills:
        ends, follows = succession(fill, batch.recorded_at)
        new = entries_of(ends, made, batch.effective_at, follows.order.held if follows else 0)
        if follows is not None:
            new.append(follows.entry(batch.effective_at))
            successions.append(follows)
        entries += new
        fills.append((ends, len(new)))
    after, street, house = _after(batch, part)
    closing = 0
    if house is not None:
        entries.append(
            closing_entry(batch.journal, progress, _with_customers(made, part.fills), house, batch.effective_at)
        )
        closing = 1
    customers = sum(fill.last_amount for fill in part.fills)
    due = Due(after, street, customers, after.house_amount - made.house_amount)
    return _Draft(after, entries, fills, successions, closing, due)


def _with_customers(made: MarketOrder, fills: Sequence[OrderFill]) -> MarketOrder:
    return replace(
        made,
        customers_quantity=made.customers_quantity + sum(fill.last_quantity for fill in fills),
        customers_amount=made.customers_amount + sum(fill.last_amount for fill in fills),
    )


def _after(batch: Batch, part: Part) -> tuple[MarketOrder, int, HousePart | None]:
    """The market order afterwards, the shares newly due from or to the street, and the house's part if it is over."""
    progress, made = part.progress, _with_customers(part.progress.market_order, part.fills)
    if not part.last:
        return made, 0, None
    street, _ = street_part(made, progress.fill.quantity - made.allocated_quantity, 0)
    after = replace(
        made,
        allocated_quantity=progress.fill.quantity,
        allocated_amount=progress.fill.amount,
        departed=part.departed,
    )
    if progress.ending is None and made.ended_at is None:
        return after, street, None
    house = house_part(after, progress.fill.quantity, progress.fill.amount)
    after = replace(after, house_quantity=house.shares, house_amount=house.amount)
    if progress.ending is not None:
        after = replace(after, status=progress.ending, reason=progress.reason, ended_at=batch.recorded_at)
    return after, street, house
