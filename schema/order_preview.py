"""What an order would do, and what could refuse it."""

import datetime
from typing import Any

import strawberry

from app.orders import preview
from app.orders.errors import PlaceOrderError as PlaceOrderError_
from app.risk.errors import RiskError
from resolvers import orders as resolve
from schema.cash import CashBalances
from schema.enums import describe
from schema.market import Instrument
from schema.money import Money, dollars
from schema.order_errors import PlaceOrderError, PlaceOrderErrorCode
from schema.scalars import Decimal

Preview_ = strawberry.Parent[resolve.OrderPreview]
Warning_ = strawberry.Parent[preview.OrderWarning]


def _estimate(name: str) -> Any:
    def resolver(root: Preview_) -> Any:
        return getattr(root.preview.estimate, name)

    return resolver


def _estimated_dollars(name: str) -> Any:
    def resolver(root: Preview_) -> Any:
        return dollars(getattr(root.preview.estimate, name))

    return resolver


def _after(name: str) -> Any:
    def resolver(root: strawberry.Parent[preview.Preview]) -> Any:
        return dollars(getattr(root, name))

    return resolver


def _hold(root: Preview_) -> Any:
    return root.preview.draft.held


def _sufficient(root: Preview_) -> bool:
    short = (PlaceOrderError_.INSUFFICIENT_FUNDS, PlaceOrderError_.INSUFFICIENT_SHARES, RiskError.SETTLED_CASH_ONLY)
    return all(refusal.code not in short for refusal in root.preview.refusals)


def _expires_at(root: Preview_) -> datetime.datetime | None:
    return root.preview.draft.terms.expires_at


def _cash_after(root: Preview_) -> Any:
    return root.preview


def _warnings(root: Preview_) -> Any:
    return root.preview.warnings


def _refusals(root: Preview_) -> Any:
    return [
        PlaceOrderError(
            code=PlaceOrderErrorCode[each.code.value],
            message=each.message,
            path=list(each.path),
            shortage=each.shortage,  # type: ignore[arg-type]
        )
        for each in root.preview.refusals
    ]


@strawberry.type(description="The account's dollars by kind once the order is accepted.")
class CashAfter:
    settled: Money = strawberry.field(resolver=_after("settled"), description="Settled, and free.")
    unsettled: Money = strawberry.field(resolver=_after("unsettled"), description="Proceeds that have not settled.")
    instant: Money = strawberry.field(resolver=_after("instant"), description="Advanced on deposits under way.")
    held: Money = strawberry.field(resolver=_after("held"), description="Held behind open buys.")
    buying_power: Money = strawberry.field(resolver=_after("buying_power"), description="What could be spent then.")


describe(
    preview.OrderWarningKind,
    "OrderWarningKind",
    "What would follow from an order that is allowed all the same.",
    {
        "GOOD_FAITH_VIOLATION": "It sells what was paid with proceeds that have not settled.",
        "FREE_RIDING": "It sells what was bought without the money for it.",
        "UNSETTLED_FUNDING": "It buys with proceeds that have not settled: better not sell it before they have.",
    },
)


@strawberry.type(description="Something to know before placing the order.")
class OrderWarning:
    kind: preview.OrderWarningKind = strawberry.field(description="For programs.")
    message: str = strawberry.field(description="For people.")
    until: datetime.date | None = strawberry.field(description="From that day on it is no matter; null if never.")


@strawberry.type(description="What an order would do at the prices of this moment. Nothing is promised.")
class OrderPreview:
    instrument: Instrument = strawberry.field(description="What would be bought or sold.")
    price: Money = strawberry.field(resolver=_estimated_dollars("price"), description="The price it would trade at.")
    best_price: Money = strawberry.field(resolver=_estimated_dollars("best"), description="The best price to expect.")
    worst_price: Money = strawberry.field(
        resolver=_estimated_dollars("worst"),
        description="The worst: its limit; for a market order 5 % off the quote.",
    )
    quantity: Decimal = strawberry.field(resolver=_estimate("quantity"), description="How many that makes.")
    least_quantity: Decimal = strawberry.field(resolver=_estimate("least"), description="The fewest it may become.")
    most_quantity: Decimal = strawberry.field(resolver=_estimate("most"), description="The most it may become.")
    amount: Money = strawberry.field(resolver=_estimated_dollars("amount"), description="How much money that makes.")
    hold: Decimal = strawberry.field(
        resolver=_hold, description="What would be held: dollars of a buy, shares of a sell."
    )
    sufficient: bool = strawberry.field(resolver=_sufficient, description="Whether the account has that.")
    cash: CashBalances = strawberry.field(description="The account's dollars by kind, before the order.")
    cash_after: CashAfter = strawberry.field(
        resolver=_cash_after, description="The account's dollars by kind, once the order is accepted."
    )
    trades_at: datetime.datetime = strawberry.field(description="When it would trade, on the market's clock.")
    window_milliseconds: int = strawberry.field(description="How long it would wait for others to join it.")
    settles_on: datetime.date = strawberry.field(description="When it would settle.")
    expires_at: datetime.datetime | None = strawberry.field(
        resolver=_expires_at, description="When its time would be over, on the market's clock."
    )
    warnings: list[OrderWarning] = strawberry.field(resolver=_warnings, description="What to know before.")
    refusals: list[PlaceOrderError] = strawberry.field(
        resolver=_refusals, description="Everything that would refuse it now, gravest first; empty if nothing would."
    )
