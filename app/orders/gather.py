"""A window closes: its orders become one market order, and the allocation statement is stored before anything is sent.

The journal's lock is held while this runs, so however many processes think that a window is due, one takes its orders.
A statement with many lines is written in chunks; the market order is sized and may be sent when the last is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.kernel.ids import new_id
from app.ledger.batch import Batch
from app.ledger.books import open_books
from app.ledger.chart import BookKind, Kind, address
from app.ledger.types import Entry
from app.orders.lead import still_leading
from app.orders.record_gathering import record_gathered, record_lines
from app.orders.route import sent_entry
from app.orders.rows import market_order_from, units
from app.orders.run import CHUNK
from app.orders.statement import Gather, created, opened, routed, sized, stated
from app.orders.types import Capacity, Group, MarketOrder, MarketOrderStatus, Order
from app.orders.waiting import waiting_orders
from app.risk.rules import rules_in_force
from app.venues.house import HOUSE

#: One market order takes this many orders at most; more wait for the next.
MAX_PARTICIPANTS = 50_000


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
    answers, due = await _look(batch, commands)
    stock = await _inventory(batch, commands)
    made = iter(await _open(batch, [each.command for each in due if each.begun is None]))
    entries: list[Entry] = []
    lines: list[tuple[MarketOrder, Order, int]] = []
    gathered: list[tuple[MarketOrder, str]] = []
    for each in due:
        command, orders = each.command, each.orders
        market_order = each.begun or next(made)
        shares = [(order, stated(order, command)) for order in orders]
        lines += [(market_order, order, share) for order, share in shares]
        entries += [routed(batch, order, market_order) for order in orders]
        market_order = replace(
            market_order,
            participants=market_order.participants + len(orders),
            requested=market_order.requested + sum(share for _, share in shares),
        )
        if each.complete:
            by_amount = await _by_amount(batch, each.begun, shares)
            market_order = sized(market_order, by_amount, command, stock)
            entries.append(created(batch, market_order))
            if market_order.status is MarketOrderStatus.SENT:
                entries.append(sent_entry(batch, market_order.book_id, market_order.id))
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


async def _look(batch: Batch, commands: Sequence[Gather]) -> tuple[dict[int, Gathered], list[_Due]]:
    """What is answered to each command if nothing is due, and what is. One command of a group is heard at a time."""
    leading = await still_leading(batch, [each.lead for each in commands if each.lead])
    rules = await rules_in_force(batch.connection, batch.journal.tenant_id, batch.effective_at)
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
    waiting = await waiting_orders(batch, list(asked), CHUNK + 1)
    due: list[_Due] = []
    for group, index in asked.items():
        found = _due(batch, index, commands[index], begun, waiting[group])
        answers[index] = Gathered(None, found.open_since)
        if found.orders or found.begun:
            due.append(found)
    return answers, due


async def _begun(batch: Batch, commands: Sequence[Gather]) -> dict[UUID, MarketOrder]:
    """The market orders whose statements are to go on, but for those that are complete."""
    ids = [each.market_order_id for each in commands if each.market_order_id]
    if not ids:
        return {}
    rows = await batch.connection.fetch("SELECT * FROM market_order WHERE id = ANY ($1) AND status = 'GATHERING'", ids)
    return {row["id"]: market_order_from(row) for row in rows}


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
    return [opened(batch, *each) for each in zip(ids, books, commands, strict=True)]


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
    return before + sum(share for order, share in shares if order.amount is not None)
