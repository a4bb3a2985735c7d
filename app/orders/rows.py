"""Rows as values. Numerics may be decimals (the engine's connection) or units already (the API's)."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import orjson

from app.kernel.money import to_units
from app.ledger.postings import Funding
from app.market.types import Side, TimeInForce
from app.orders.types import (
    Capacity,
    Fill,
    MarketOrder,
    MarketOrderStatus,
    Order,
    OrderStatus,
    OrderType,
    Replacement,
    Terms,
    VenueOrderState,
    VenueOrderStatus,
)
from app.venues.profile import Precision, Rounding


class Row(Protocol):
    """A row whose columns are found by name."""

    def __getitem__(self, name: str, /) -> Any: ...


#: How the engine reads many orders ``o``: amounts as units, for a numeric costs four times as much on its way.
SELECT_ORDER = """
SELECT o.id, o.journal_id, o.account_id, o.book_id, o.instrument_id, o.side, o.sell_all, o.status, o.funding_due_on,
o.market_order_id, o.ends_as, o.change_number, o.replacement, o.replaces, o.replaced_by, o.reason, o.placed_at,
o.ended_at, o.type, o.time_in_force, o.expires_at, """ + ", ".join(
    f"(o.{name} * 100000000)::bigint AS {name}"
    for name in (
        "amount",
        "quantity",
        "limit_price",
        "reference_price",
        "held",
        "funded_settled",
        "funded_unsettled",
        "funded_instant",
        "filled_quantity",
        "filled_amount",
    )
)


#: Looked up, because calling an enumeration takes ten times as long.
_SIDES = {each.value: each for each in Side}
_STATUSES = {each.value: each for each in OrderStatus}
_TYPES = {each.value: each for each in OrderType}
_TIMES_IN_FORCE = {each.value: each for each in TimeInForce}


def order_from(row: Row) -> Order:
    """A row of ``customer_order``."""
    return Order(
        id=row["id"],
        journal_id=row["journal_id"],
        account_id=row["account_id"],
        book_id=row["book_id"],
        instrument_id=row["instrument_id"],
        side=_SIDES[row["side"]],
        terms=terms_from(row),
        amount=maybe(row["amount"]),
        quantity=maybe(row["quantity"]),
        sell_all=row["sell_all"],
        status=_STATUSES[row["status"]],
        reference_price=units(row["reference_price"]),
        held=units(row["held"]),
        funding=Funding(units(row["funded_settled"]), units(row["funded_unsettled"]), units(row["funded_instant"])),
        funding_due_on=row["funding_due_on"],
        filled_quantity=units(row["filled_quantity"]),
        filled_amount=units(row["filled_amount"]),
        market_order_id=row["market_order_id"],
        ends_as=None if row["ends_as"] is None else _STATUSES[row["ends_as"]],
        change_number=row["change_number"],
        replacement=replacement_from(row["replacement"]),
        replaces=row["replaces"],
        replaced_by=row["replaced_by"],
        reason=row["reason"],
        placed_at=row["placed_at"],
        ended_at=row["ended_at"],
    )


def market_order_from(row: Row) -> MarketOrder:
    """A row of ``market_order``."""
    return MarketOrder(
        id=row["id"],
        journal_id=row["journal_id"],
        book_id=row["book_id"],
        instrument_id=row["instrument_id"],
        side=Side(row["side"]),
        terms=terms_from(row),
        status=MarketOrderStatus(row["status"]),
        capacity=Capacity(row["capacity"]),
        precision=Precision(row["scale"], Rounding(row["rounding"])),
        participants=row["participants"],
        requested=units(row["requested_quantity"]),
        quantity=units(row["quantity"]),
        supplied=units(row["supplied"]),
        reference_price=units(row["reference_price"]),
        filled_quantity=units(row["filled_quantity"]),
        filled_amount=units(row["filled_amount"]),
        allocated_quantity=units(row["allocated_quantity"]),
        allocated_amount=units(row["allocated_amount"]),
        customers_quantity=units(row["customers_quantity"]),
        customers_amount=units(row["customers_amount"]),
        departed=Fill(units(row["departed_quantity"]), units(row["departed_amount"])),
        house_quantity=units(row["house_quantity"]),
        house_amount=units(row["house_amount"]),
        trade_date=row["trade_date"],
        settles_on=row["settles_on"],
        reason=row["reason"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )


def venue_order_from(row: Row) -> VenueOrderState:
    """A row of ``venue_order``."""
    return VenueOrderState(
        market_order_id=row["market_order_id"],
        venue=row["venue"],
        status=VenueOrderStatus(row["status"]),
        number=row["number"],
        accepted=row["accepted"],
        asked_quantity=maybe(row["asked_quantity"]),
        quantity=maybe(row["quantity"]),
        told_quantity=maybe(row["told_quantity"]),
        reason=row["reason"],
        sent_at=row["sent_at"],
        heard_at=row["heard_at"],
    )


def terms_from(row: Row) -> Terms:
    """The terms in a row of orders or market orders."""
    return Terms(
        _TYPES[row["type"]], maybe(row["limit_price"]), _TIMES_IN_FORCE[row["time_in_force"]], row["expires_at"]
    )


def replacement_to(made: Replacement) -> str:
    """A replacement as it is kept in its order's row."""
    terms = made.terms
    return orjson.dumps(
        {
            "id": made.id,
            "amount": made.amount,
            "quantity": made.quantity,
            "type": terms.type,
            "limit_price": terms.limit_price,
            "time_in_force": terms.time_in_force,
            "expires_at": terms.expires_at,
            "actor": made.actor,
        }
    ).decode()


def replacement_from(kept: str | dict[str, Any] | None) -> Replacement | None:
    """The replacement in an order's row, if there is one."""
    if kept is None:
        return None
    found = orjson.loads(kept) if isinstance(kept, str) else kept
    until = found["expires_at"]
    terms = Terms(
        OrderType(found["type"]),
        found["limit_price"],
        TimeInForce(found["time_in_force"]),
        None if until is None else datetime.fromisoformat(until),
    )
    return Replacement(UUID(found["id"]), found["amount"], found["quantity"], terms, found["actor"])


def units(value: Decimal | int) -> int:
    """A numeric in units of 1e-8."""
    return to_units(value) if isinstance(value, Decimal) else value


def maybe(value: Decimal | int | None) -> int | None:
    """The same for one that may be missing."""
    return None if value is None else units(value)
