"""Risk rules: what orders must keep, and who said so."""

import datetime
from typing import Any, TypeAlias

import strawberry

from app.risk import types as risk
from resolvers import risk as resolve
from resolvers.ids import encode_id
from schema.accounts import Account
from schema.enums import describe
from schema.market import Instrument
from schema.relay import Info, Node
from schema.scalars import Decimal

RuleKind: TypeAlias = risk.RuleKind
describe(
    RuleKind,
    "RiskRuleKind",
    "What a rule limits, gravest first.",
    {
        "KILL_SWITCH": "Every order is refused.",
        "HALTED": "Every order of the instrument is refused, both ways.",
        "RESTRICTED": "Buys are refused; what is held may be sold.",
        "STALE_QUOTE": "The most seconds of market time that the quote may be old.",
        "PRICE_COLLAR": "The most percent that a limit may be worse than the quote; or, for market orders, that bid "
        "and ask may be apart.",
        "MAX_ORDER_QUANTITY": "The most units that one order may be for.",
        "MAX_ORDER_VALUE": "The most dollars that one order may be worth.",
        "ORDERS_PER_MINUTE": "The most orders within a minute: of the account, of each account, or of all together.",
        "MAX_DAILY_VALUE": "The most dollars that a day's orders may be worth: of the account, of each, or of all.",
        "SETTLED_CASH_ONLY": "The account buys with settled cash only.",
    },
)

Rule_ = strawberry.Parent[risk.RiskRule]


def _rule_id(root: Rule_) -> strawberry.ID:
    return strawberry.ID(encode_id("RiskRule", root.id))


def _of_rule(name: str) -> Any:
    def of_rule(root: Rule_) -> Any:
        return getattr(root.rule, name)

    return of_rule


async def _account(root: Rule_, info: Info) -> Any:
    return await resolve.account(info.context, root)


def _instrument(root: Rule_, info: Info) -> Any:
    return resolve.instrument(info.context, root)


def _in_force(root: Rule_, info: Info) -> bool:
    return resolve.in_force(info.context, root)


@strawberry.type(
    description="A rule that orders must keep. It never changes: it is ended, and another one set. Of all that apply, "
    "the strictest decides."
)
class RiskRule(Node):
    id: strawberry.ID = strawberry.field(resolver=_rule_id, description="Opaque and stable.")
    kind: RuleKind = strawberry.field(resolver=_of_rule("kind"), description="What it limits.")
    value: Decimal | None = strawberry.field(
        resolver=_of_rule("value"),
        description="Percent for PRICE_COLLAR, seconds of market time for STALE_QUOTE, dollars, units or a number of "
        "orders for the others; null for a kind that has none.",
    )
    account: Account | None = strawberry.field(
        resolver=_account, description="The account that it is about; null for all."
    )
    instrument: Instrument | None = strawberry.field(
        resolver=_instrument, description="The instrument that it is about; null for all."
    )
    per_account: bool = strawberry.field(
        resolver=_of_rule("per_account"),
        description="Whether it counts each account by itself, where it is about all of them.",
    )
    reason: str = strawberry.field(description="Why it was set. Customers don't see it.")
    effective_from: datetime.datetime = strawberry.field(
        resolver=_of_rule("effective_from"), description="From when on it holds, on the market's clock."
    )
    effective_until: datetime.datetime | None = strawberry.field(
        resolver=_of_rule("effective_until"), description="Until when, on the market's clock; null for no end."
    )
    in_force: bool = strawberry.field(resolver=_in_force, description="Whether it holds now.")
    set_by: str = strawberry.field(description="Who set it: an opaque reference.")
    set_at: datetime.datetime = strawberry.field(description="When that was recorded.")
    ended_by: str | None = strawberry.field(description="Who ended it, if somebody did.")
    ended_at: datetime.datetime | None = strawberry.field(description="When that was recorded.")
    end_reason: str | None = strawberry.field(description="Why it was ended.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, risk.RiskRule)
