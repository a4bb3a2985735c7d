"""Executions come back: each is stored once, posted as the fact it is, and shared out, all in one commit."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import multiply, to_decimal, to_text, whole_cents
from app.ledger.commit import Batch
from app.ledger.postings import street_buys_from_us, street_sells_to_us
from app.ledger.types import Entry
from app.market.types import Side
from app.orders.allocate import Fill
from app.orders.fill import (
    OrderFill,
    Participant,
    Progress,
    closing_entry,
    entries_of,
    fills_of,
    house_takes,
    outcome_of,
)
from app.orders.progress import ENGINE
from app.orders.record_fills import record_fills, record_market_order
from app.orders.rows import market_order_from, order_from
from app.orders.types import Capacity, MarketOrder, MarketOrderStatus
from app.venues.port import ENDINGS, Report, ReportKind

log = structlog.get_logger(__name__)

#: The venue's name on fills in which the house itself is the counterparty.
HOUSE = "house"


@dataclass(slots=True)
class _News:
    """What is new of one market order."""

    market_order: MarketOrder
    executions: list[tuple[UUID, Report]] = field(default_factory=list)
    ending: Report | None = None


async def apply_reports(batch: Batch, reports: Sequence[Report]) -> list[None]:
    """Store and share out what the venue reports; what was known already changes nothing."""
    news = await _news(batch, reports)
    participants = await _participants(batch, [each.market_order.id for each in news])
    entries: list[Entry] = []
    fills: list[tuple[MarketOrder, OrderFill]] = []
    changed: list[Progress] = []
    for each in news:
        made = each.market_order
        entries += [_execution_entry(batch, made, id_, report) for id_, report in each.executions]
        if made.ended_at is not None:
            log.error("execution after the end of a market order", market_order=str(made.id))
            entries.append(await _late(batch, each))
            continue
        progress = _progress(each)
        part = fills_of(progress, participants[made.id])
        fills += [(made, fill) for fill in part]
        for fill in part:
            entries += entries_of(fill, made, batch.effective_at)
        if progress.ending is not None:
            entries.append(await _close(batch, progress, participants[made.id], part))
        changed.append(progress)
    await batch.post_facts(entries)
    await record_fills(batch, fills)
    await record_market_order(batch, changed)
    return [None] * len(reports)


async def _news(batch: Batch, reports: Sequence[Report]) -> list[_News]:
    ids = {report.client_order_id for report in reports}
    rows = await batch.connection.fetch("SELECT * FROM market_order WHERE id = ANY ($1)", ids)
    news = {row["id"]: _News(market_order_from(row)) for row in rows}
    for unknown in ids - news.keys():
        log.error("report on an order that is not ours", client_order_id=str(unknown))
    known = [report for report in reports if report.client_order_id in news]
    for id_, report in await _store(batch, [each for each in known if each.kind is ReportKind.EXECUTION], news):
        news[report.client_order_id].executions.append((id_, report))
    for report in known:
        if report.kind in ENDINGS and news[report.client_order_id].market_order.ended_at is None:
            news[report.client_order_id].ending = report
    return [each for each in news.values() if each.executions or each.ending]


async def _store(batch: Batch, executions: Sequence[Report], news: dict[UUID, _News]) -> list[tuple[UUID, Report]]:
    """Insert the executions; answers those that were not known, with the ids they got."""
    by_id = {new_id(): report for report in executions}
    stored = await batch.connection.fetch(
        _STORE,
        batch.journal.tenant_id,
        batch.recorded_at,
        list(by_id),
        [report.client_order_id for report in executions],
        [report.venue for report in executions],
        [news[report.client_order_id].market_order.trade_date for report in executions],
        [report.execution_id for report in executions],
        [to_decimal(report.quantity) for report in executions],
        [to_decimal(report.price) for report in executions],
        [report.at for report in executions],
    )
    return [(row["id"], by_id[row["id"]]) for row in stored]


async def _participants(batch: Batch, market_orders: Iterable[UUID]) -> dict[UUID, list[Participant]]:
    rows = await batch.connection.fetch(
        "SELECT o.*, a.quantity AS stated FROM customer_order o JOIN allocation a ON a.order_id = o.id"
        " WHERE a.market_order_id = ANY ($1) ORDER BY o.id",
        list(market_orders),
    )
    found: dict[UUID, list[Participant]] = defaultdict(list)
    for row in rows:
        *order, stated = row
        found[row["market_order_id"]].append(Participant(order_from(order), int(stated.scaleb(8))))
    return found


def _progress(news: _News) -> Progress:
    made = news.market_order
    quantity = made.filled_quantity + sum(report.quantity for _, report in news.executions)
    amount = made.filled_amount + sum(multiply(report.quantity, report.price) for _, report in news.executions)
    dealt = made.requested if made.capacity is Capacity.PRINCIPAL else made.quantity
    if quantity >= dealt:
        return Progress(made, Fill(quantity, amount), MarketOrderStatus.FILLED, None)
    if news.ending is None or news.ending.cumulative_quantity != quantity:
        # An ending that tells of more than we know: an execution got lost, and the venue will be asked again.
        return Progress(made, Fill(quantity, amount), None, None)
    rejected = news.ending.kind is ReportKind.REJECTED and not quantity
    ending = MarketOrderStatus.REJECTED if rejected else MarketOrderStatus.CANCELED
    return Progress(made, Fill(quantity, amount), ending, news.ending.reason)


def _execution_entry(batch: Batch, made: MarketOrder, id_: UUID, report: Report) -> Entry:
    amount = multiply(report.quantity, report.price)
    data = {
        "market_order": str(made.id),
        "execution": str(id_),
        "instrument": made.instrument_id,
        "side": made.side,
        "venue": report.venue,
        "quantity": to_text(report.quantity),
        "price": to_text(report.price),
        "amount": to_text(amount),
    }
    event = NewEvent(made.book_id, EventType.EXECUTION, ENGINE, report.at, cause=id_, correlation=made.id, data=data)
    if report.venue == HOUSE:
        return Entry(event)
    deal = street_sells_to_us if made.side is Side.BUY else street_buys_from_us
    return Entry(event, deal(batch.journal, made.book_id, made.instrument_id, report.quantity, amount))


async def _late(batch: Batch, news: _News) -> Entry:
    """A fact all the same: what was dealt after the customers' orders had ended is the house's."""
    made = news.market_order
    quantity = sum(report.quantity for _, report in news.executions)
    amount = sum(multiply(report.quantity, report.price) for _, report in news.executions)
    await _expect_settlement(batch, made, quantity, 0, amount)
    data = {"market_order": str(made.id), "house_shares": to_text(quantity), "reason": "dealt after the end"}
    event = NewEvent(
        made.book_id, EventType.MARKET_ORDER_CLOSED, ENGINE, batch.effective_at, correlation=made.id, data=data
    )
    return Entry(event, house_takes(batch.journal, made.book_id, made.instrument_id, made.side, quantity, amount))


async def _expect_settlement(batch: Batch, made: MarketOrder, quantity: int, customers: int, house: int) -> None:
    """What the street and the banks owe each other on the settlement date. Banks move whole cents: parts stay due."""
    await batch.connection.execute(
        "INSERT INTO trade_settlement VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new_id(),
        made.id,
        batch.journal.tenant_id,
        made.journal_id,
        made.instrument_id,
        made.side.value,
        to_decimal(quantity),
        to_decimal(customers),
        to_decimal(whole_cents(house)),
        made.settles_on,
    )


async def _close(
    batch: Batch, progress: Progress, participants: Sequence[Participant], fills: Sequence[OrderFill]
) -> Entry:
    quantity = sum(each.order.filled_quantity for each in participants) + sum(fill.last_quantity for fill in fills)
    amount = sum(each.order.filled_amount for each in participants) + sum(fill.last_amount for fill in fills)
    outcome = outcome_of(progress, quantity, amount)
    made = progress.market_order
    if progress.fill.quantity:
        street, customers = outcome.street.quantity, outcome.customers_amount
        await _expect_settlement(batch, made, street, customers, outcome.house_amount)
    return closing_entry(batch.journal, progress, outcome, batch.effective_at)


_STORE = """
INSERT INTO execution SELECT id, $1, market_order, venue, trade_date, execution, quantity, price, executed_at, $2
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::date[], $7::text[], $8::numeric[], $9::numeric[],
            $10::timestamptz[])
  AS u(id, market_order, venue, trade_date, execution, quantity, price, executed_at)
ON CONFLICT (venue, trade_date, venue_execution_id) DO NOTHING RETURNING id
"""
