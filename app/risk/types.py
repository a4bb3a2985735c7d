"""Rules, what they are asked about, and what has been done already. Values, quantities and prices are units of 1e-8."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.market.types import Quote, Side


class RuleKind(StrEnum):
    """What a rule limits, gravest first: of several that an order breaks, the first is the one told."""

    KILL_SWITCH = "KILL_SWITCH"
    HALTED = "HALTED"
    RESTRICTED = "RESTRICTED"
    STALE_QUOTE = "STALE_QUOTE"
    PRICE_COLLAR = "PRICE_COLLAR"
    MAX_ORDER_QUANTITY = "MAX_ORDER_QUANTITY"
    MAX_ORDER_VALUE = "MAX_ORDER_VALUE"
    ORDERS_PER_MINUTE = "ORDERS_PER_MINUTE"
    MAX_DAILY_VALUE = "MAX_DAILY_VALUE"
    SETTLED_CASH_ONLY = "SETTLED_CASH_ONLY"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule is about: an account, an instrument, one in the other, or (both None) the whole tenant."""

    account_id: UUID | None = None
    instrument_id: int | None = None


TENANT = Scope()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the check needs it.

    ``value`` is percent, seconds, dollars, units or a count, in units of 1e-8, or None where the kind has none. With
    ``per_account`` a tenant's limit counts each account by itself; without, all of them together. ``id`` and
    ``effective_from`` are None for what holds without anybody having set it.
    """

    kind: RuleKind
    value: int | None = None
    scope: Scope = TENANT
    per_account: bool = False
    effective_from: datetime | None = None
    effective_until: datetime | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RiskRule:
    """A rule that a tenant set, with its story: effective times of the market, ``set_at`` and ``ended_at`` of the wall.

    ``book_id`` is the stream that tells of it: the account's, or the house's.
    """

    id: UUID
    rule: Rule
    reason: str
    book_id: int
    set_by: str
    set_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    end_reason: str | None

    def holds(self, at: datetime) -> bool:
        """Whether it is in force at a moment of market time."""
        rule = self.rule
        assert rule.effective_from is not None, "a rule that was set says from when"
        begun = rule.effective_from <= at
        return self.ended_at is None and begun and (rule.effective_until is None or at < rule.effective_until)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order that somebody wants to place, and the market it meets.

    ``quantity`` and ``worth`` are estimates where the order names only the other; ``limit_price`` is None for a
    market order; ``at`` is market time, as ``quote.time`` is.
    """

    account_id: UUID
    book: int
    instrument_id: int
    side: Side
    limit_price: int | None
    quantity: int
    worth: int
    quote: Quote
    at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """What was accepted already: orders of the last minute (wall time), dollars of the market's day."""

    orders: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What has been accepted of the account, and of all accounts together.

    ``settled_cash`` is what the account could pay with settled money; None where nobody asked.
    """

    account: Count = Count()
    tenant: Count = Count()
    settled_cash: int | None = None
