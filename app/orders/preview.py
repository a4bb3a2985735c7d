"""What an order would do, and what could refuse it, at the prices of this moment. Reads only; nothing is promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.kernel.errors import Refusal
from app.kernel.money import divide_half_up, multiply, ratio, to_cents, to_units
from app.ledger.batch import Batch
from app.ledger.chart import USD, Kind, address
from app.ledger.postings import Funding
from app.ledger.types import RefusalReason, Refused
from app.market.market import NEW_YORK
from app.market.types import Side
from app.orders.controls import controls_of, proposal_of
from app.orders.errors import declined
from app.orders.place import PlaceOrder, draft_of
from app.orders.types import HOLD_DENOMINATOR, HOLD_NUMERATOR, Order, OrderType
from app.risk.review import what_could_refuse


class OrderWarningKind(StrEnum):
    """What would follow from an order that is allowed all the same."""

    GOOD_FAITH_VIOLATION = "GOOD_FAITH_VIOLATION"
    FREE_RIDING = "FREE_RIDING"
    UNSETTLED_FUNDING = "UNSETTLED_FUNDING"


@dataclass(frozen=True, slots=True)
class OrderWarning:
    """A warning, and until when it holds: then the money behind it has settled."""

    kind: OrderWarningKind
    message: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Units of 1e-8: the price now, the best and the worst at which it may be filled, and the quantity that makes."""

    price: int
    best: int
    worst: int
    quantity: int
    least: int
    most: int
    amount: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The draft of the order, what it comes to, and the account's cash by kind once it is accepted."""

    draft: Order
    estimate: Estimate
    funding: Funding
    settled: int
    unsettled: int
    instant: int
    held: int
    warnings: Sequence[OrderWarning]
    refusals: Sequence[Refusal]

    @property
    def buying_power(self) -> int:
        return self.settled + self.unsettled + self.instant


async def preview(batch: Batch, command: PlaceOrder) -> Preview | Refusal:
    """What placing the order would do now; a ``Refusal`` when there is nothing to sell."""
    position = address(command.book, command.instrument_id, Kind.POSITION)
    kinds = (Kind.SETTLED, Kind.UNSETTLED, Kind.INSTANT, Kind.HELD)
    cash = [address(command.book, USD, kind) for kind in kinds]
    rows = await batch.connection.fetch("SELECT id, balance FROM ledger.account WHERE id = ANY ($1)", [position, *cash])
    balances = {row["id"]: to_units(row["balance"]) for row in rows}
    available = {position: balances.get(position, 0)}
    draft = draft_of(batch, command, available)
    if isinstance(draft, Refusal):
        return draft
    settled, unsettled, instant, held = (balances.get(each, 0) for each in cash)
    controls = await controls_of(batch, [command.account_id])
    proposal = proposal_of(draft, command.quote, batch)
    refusals = what_could_refuse(controls.rules, proposal, controls.tally.usage(proposal))
    funding = Funding()
    if draft.side is Side.BUY:
        there = Funding(settled, *((0, 0) if controls.settled_only(draft) else (unsettled, instant)))
        short = draft.held - there.total
        if short > 0:
            verdict = Refused(RefusalReason.INSUFFICIENT, None, draft.held, short)
            refusals.append(controls.explain(draft, verdict) or declined(draft, verdict))
        funding = there.minus(there.rest_after(min(draft.held, there.total)))
    elif draft.held > balances.get(position, 0):
        short = draft.held - balances.get(position, 0)
        refusals.append(declined(draft, Refused(RefusalReason.INSUFFICIENT, None, draft.held, short)))
    return Preview(
        draft,
        _estimate(draft, command),
        funding,
        settled - funding.settled,
        unsettled - funding.unsettled,
        instant - funding.instant,
        held + funding.total,
        await _warnings(batch, draft, funding),
        refusals,
    )


def _estimate(draft: Order, command: PlaceOrder) -> Estimate:
    """Market orders may move by what a buy by quantity holds more (5 %), limit orders to their limit."""
    buys, quote = draft.side is Side.BUY, command.quote
    touch = quote.ask if buys else quote.bid
    worst = draft.terms.limit_price
    if draft.terms.type is OrderType.MARKET:
        numerator = HOLD_NUMERATOR if buys else 2 * HOLD_DENOMINATOR - HOLD_NUMERATOR
        worst = divide_half_up(touch * numerator, HOLD_DENOMINATOR)
    assert worst is not None
    best = min(touch, worst) if buys else max(touch, worst)
    if draft.amount is None:
        quantity = least = most = draft.quantity or 0
        amount = to_cents(multiply(quantity, best))
    else:
        quantity, amount = ratio(draft.amount, best), draft.amount
        least, most = sorted((ratio(draft.amount, worst), ratio(draft.amount, best)))
    return Estimate(best, best, worst, quantity, least, most, amount)


async def _warnings(batch: Batch, draft: Order, funding: Funding) -> list[OrderWarning]:
    today = batch.effective_at.astimezone(NEW_YORK).date()
    if draft.side is Side.BUY:
        if not funding.unsettled:
            return []
        due = await batch.connection.fetchval(
            "SELECT max(due_on) FROM cash_settlement WHERE book_id = $1 AND settled_at IS NULL", draft.book_id
        )
        message = f"It is paid with proceeds that settle on {due}: selling it before then is a good-faith violation."
        return [OrderWarning(OrderWarningKind.UNSETTLED_FUNDING, message, due)]
    rows = await batch.connection.fetch(_UNPAID_LOTS, draft.book_id, draft.instrument_id, draft.held)
    found = []
    if any(row["funded_owed"] for row in rows):
        message = "It sells what was bought without the money for it: that is free-riding, and freezes for 90 days."
        found.append(OrderWarning(OrderWarningKind.FREE_RIDING, message, None))
    dues = [row["funding_due_on"] for row in rows if row["funding_due_on"] and row["funding_due_on"] > today]
    if dues:
        message = f"It sells what was paid with money that settles on {max(dues)}: a good-faith violation before then."
        found.append(OrderWarning(OrderWarningKind.GOOD_FAITH_VIOLATION, message, max(dues)))
    return found


#: Of the lots that a sale of so much would close, first in first out, those that were not paid with settled money.
_UNPAID_LOTS = """
SELECT funded_owed, funding_due_on FROM (
  SELECT l.*, sum(remaining) OVER (ORDER BY opened_on, order_id) - remaining AS before FROM lot l
  WHERE book_id = $1 AND instrument_id = $2 AND remaining > 0) o
JOIN instrument i ON i.id = $2 AND i.kind = 'equity'
WHERE before < $3::numeric / 100000000 AND (funded_unsettled > 0 OR funded_owed > 0)
"""
