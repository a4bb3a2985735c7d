"""Cash in lieu: the house takes the parts of shares that nobody shall have, and the company pays it for its own."""

from collections.abc import Mapping

from app.corporate_actions.arithmetic import dollars, fraction_of
from app.corporate_actions.story import data_of
from app.corporate_actions.types import CorporateAction, Fractions
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text
from app.ledger.action_postings import cash_in_lieu, surrender_fraction
from app.ledger.batch import Batch
from app.ledger.receivables import owed_by_book
from app.ledger.types import Entry
from app.orders.adjust_lots import Terms, sell_fractions
from app.orders.progress import ENGINE


async def pay_for_fractions(
    batch: Batch,
    action: CorporateAction,
    instrument_id: int,
    positions: Mapping[int, int],
    lots: Terms,
    repaid: Mapping[int, int] | None = None,
) -> dict[int, Entry]:
    """The entry of each book whose new position is no whole number of shares; their lots are closed in part.

    To be posted after the entries that give the positions; with those, ``repaid`` dollars of debt were repaid.
    """
    if action.terms.fractions is Fractions.KEPT:
        return {}
    sold = {
        book: (fraction, dollars(fraction, action.terms.price))
        for book, quantity in positions.items()
        if (fraction := fraction_of(quantity))
    }
    costs = await sell_fractions(batch, lots, instrument_id, sold)
    before = repaid or {}
    owed = {
        book: amount - before.get(book, 0)
        for book, amount in (await owed_by_book(batch.connection, list(sold))).items()
    }
    return {
        book: _entry(batch, action, instrument_id, book, fraction, cash, costs.get(book, 0), owed.get(book, 0))
        for book, (fraction, cash) in sold.items()
    }


def _entry(
    batch: Batch,
    action: CorporateAction,
    instrument_id: int,
    book: int,
    fraction: int,
    cash: int,
    cost: int,
    owed: int,
) -> Entry:
    assert action.begun_at is not None
    data = data_of(action) | {
        "instrument": instrument_id,
        "quantity": to_text(fraction),
        "price": to_text(action.terms.price),
        "amount": to_text(cash),
        "cost": to_text(cost),
    }
    event = NewEvent(book, EventType.CASH_IN_LIEU, ENGINE, action.begun_at, correlation=action.id, data=data)
    return Entry(event, cash_in_lieu(batch.journal, book, instrument_id, fraction, cash, owed))


def surrender(batch: Batch, action: CorporateAction, instrument_id: int, total: int, inventory: int) -> list[Entry]:
    """The custodian keeps whole shares: the company pays the house for the part of one in ``total``."""
    fraction = fraction_of(total)
    if action.terms.fractions is Fractions.KEPT or not 0 < fraction <= inventory:
        return []
    assert action.begun_at is not None
    cash = dollars(fraction, action.terms.price)
    data = data_of(action) | {"instrument": instrument_id, "quantity": to_text(fraction), "amount": to_text(cash)}
    event = NewEvent(
        batch.journal.house, EventType.CASH_IN_LIEU, ENGINE, action.begun_at, correlation=action.id, data=data
    )
    return [Entry(event, surrender_fraction(batch.journal, instrument_id, fraction, cash))]
