"""The check: an order against every rule that applies to it. Pure, so the same before the trade and in a preview.

A refusal names the rule, its value, the order's own, since when it holds and what to do; never the operator's reason,
which is not meant for the customer, and never what other customers have done.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from app.kernel.errors import Refusal, Shortage
from app.kernel.money import UNIT, to_text
from app.market.types import Side
from app.risk.errors import RiskError
from app.risk.rules import Rules
from app.risk.tally import Tally
from app.risk.types import Proposal, Rule, RuleKind, Usage

_GRAVITY: Final = {kind: place for place, kind in enumerate(RuleKind)}
_MICROSECOND: Final = timedelta(microseconds=1)


def review(rules: Rules, proposal: Proposal, usage: Usage) -> Refusal | None:
    """Why the proposal must be refused, or None. Of several reasons, the gravest."""
    found = what_could_refuse(rules, proposal, usage)
    return found[0] if found else None


def review_all(rules: Rules, proposals: Sequence[Proposal], tally: Tally) -> list[Refusal | None]:
    """The same for a batch, in order: each counts what was let through before it."""
    verdicts = []
    for proposal in proposals:
        refusal = review(rules, proposal, tally.usage(proposal))
        if refusal is None:
            tally.add(proposal)
        verdicts.append(refusal)
    return verdicts


def what_could_refuse(rules: Rules, proposal: Proposal, usage: Usage) -> list[Refusal]:
    """Every rule that it breaks, gravest first, and of a kind the strictest first."""
    broken = [
        (_GRAVITY[rule.kind], rule.value or 0, refusal)
        for rule in rules.applying(proposal)
        if (refusal := _CHECKS[rule.kind](rule, proposal, usage))
    ]
    return [refusal for _, _, refusal in sorted(broken, key=lambda each: each[:2])]


def _kill_switch(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal:
    what, path = {
        (False, False): ("all accounts", ()),
        (True, False): ("this account", ("accountId",)),
        (False, True): ("this instrument", ("symbol",)),
        (True, True): ("this account in this instrument", ("symbol",)),
    }[rule.scope.account_id is not None, rule.scope.instrument_id is not None]
    message = f"All orders of {what} are stopped by {_named(rule)}; wait until it is released."
    return Refusal(RiskError.KILL_SWITCH_ENGAGED, message, *path)


def _halted(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal:
    message = f"Trading in this instrument is halted by {_named(rule)}, both ways; wait until it goes on."
    return Refusal(RiskError.TRADING_HALTED, message, "symbol")


def _restricted(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal | None:
    if proposal.side is Side.SELL:
        return None
    if rule.scope.instrument_id is None:
        message = f"This account may not buy, by {_named(rule)}; it may sell what it holds, or ask us why."
        return Refusal(RiskError.ACCOUNT_RESTRICTED, message, "accountId")
    message = f"This instrument may not be bought, by {_named(rule)}; sell what you hold of it, or buy another."
    return Refusal(RiskError.INSTRUMENT_RESTRICTED, message, "symbol")


def _stale_quote(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal | None:
    assert rule.value is not None
    age = (proposal.at - proposal.quote.time) // _MICROSECOND * (UNIT // 1_000_000)
    if age <= rule.value:
        return None
    return Refusal(
        RiskError.QUOTE_STALE,
        f"The quote is {to_text(age)} seconds old, and {_named(rule)} allows {to_text(rule.value)}; "
        "try again when there is a fresh one.",
        "symbol",
    )


def _price_collar(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal | None:
    """Only what would deal at a bad price is refused: a bid far below the market, or an offer far above, hurts nobody.

    So do the exchanges (NYSE Arca Rule 7.31: limit order price protection). A market order has no price to look at;
    there the market itself must look sane: bid and ask in order, and no further apart than the collar is wide.
    """
    assert rule.value is not None
    quote, limit = proposal.quote, proposal.limit_price
    hundred = 100 * UNIT
    if limit is None:
        if 0 < quote.bid <= quote.ask and (quote.ask - quote.bid) * hundred <= quote.bid * rule.value:
            return None
        return Refusal(
            RiskError.PRICE_OUTSIDE_COLLAR,
            f"The bid is {to_text(quote.bid)} and the ask {to_text(quote.ask)}, and {_named(rule)} lets market orders "
            f"trade while they are {to_text(rule.value)} % apart at most; name a limit, or wait.",
            "symbol",
        )
    if proposal.side is Side.BUY:
        farthest = quote.ask * (hundred + rule.value) // hundred
        inside, side, bound = limit <= farthest, "ask", "most"
    else:
        farthest = max(0, -(quote.bid * (rule.value - hundred) // hundred))
        inside, side, bound = limit >= farthest, "bid", "least"
    if inside:
        return None
    price = quote.ask if proposal.side is Side.BUY else quote.bid
    return Refusal(
        RiskError.PRICE_OUTSIDE_COLLAR,
        f"The limit {to_text(limit)} is more than {to_text(rule.value)} % away from the {side} of {to_text(price)}, "
        f"which {_named(rule)} does not allow; name {to_text(farthest)} at {bound}.",
        "limitPrice",
    )


def _max_order_quantity(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal | None:
    assert rule.value is not None
    if proposal.quantity <= rule.value:
        return None
    return Refusal(
        RiskError.ORDER_TOO_LARGE,
        f"The order is for {to_text(proposal.quantity)} shares, and {_named(rule)} allows {to_text(rule.value)}; "
        "split it.",
    )


def _max_order_value(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal | None:
    assert rule.value is not None
    if proposal.worth <= rule.value:
        return None
    return Refusal(
        RiskError.ORDER_TOO_LARGE,
        f"The order is worth {to_text(proposal.worth)} USD, and {_named(rule)} allows {to_text(rule.value)}; split it.",
    )


def _orders_per_minute(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal | None:
    assert rule.value is not None
    limit, together = rule.value // UNIT, _is_together(rule)
    before = usage.tenant.orders if together else usage.account.orders
    if before + 1 <= limit:
        return None
    whose = f"All accounts together have placed {limit}" if together else f"This account has placed {before}"
    return Refusal(
        RiskError.RATE_EXCEEDED,
        f"{whose} orders within a minute, and {_named(rule)} allows {limit}; wait a minute.",
    )


def _max_daily_value(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal | None:
    assert rule.value is not None
    together = _is_together(rule)
    before = usage.tenant.value if together else usage.account.value
    if before + proposal.worth <= rule.value:
        return None
    order = f"This order is worth {to_text(proposal.worth)} USD"
    if together:
        message = f"{order}, with which all accounts together would pass the {to_text(rule.value)} a day that "
        return Refusal(RiskError.DAILY_VALUE_EXCEEDED, f"{message}{_named(rule)} allows; wait until tomorrow.")
    left = to_text(max(0, rule.value - before))
    return Refusal(
        RiskError.DAILY_VALUE_EXCEEDED,
        f"{order} and the account's orders of today {to_text(before)}, and {_named(rule)} allows "
        f"{to_text(rule.value)} a day; order for {left} at most, or wait until tomorrow.",
    )


def _settled_cash_only(rule: Rule, proposal: Proposal, usage: Usage) -> Refusal | None:
    if proposal.side is Side.SELL or usage.settled_cash is None or proposal.worth <= usage.settled_cash:
        return None
    return settled_cash_refusal(rule, proposal.worth, usage.settled_cash)


def settled_cash_refusal(rule: Rule, needed: int, settled: int, shortage: Shortage | None = None) -> Refusal:
    """The refusal of a buy that settled cash can't pay; for the caller too, when the ledger finds so."""
    return Refusal(
        RiskError.SETTLED_CASH_ONLY,
        f"The order needs {to_text(needed)} USD, and {_named(rule)} lets this account pay with settled cash only, of "
        f"which there is {to_text(settled)}; order less, deposit, or wait until your sales have settled.",
        shortage=shortage,
    )


def _is_together(rule: Rule) -> bool:
    return rule.scope.account_id is None and not rule.per_account


def _named(rule: Rule) -> str:
    """The rule by its kind, and for how long it holds."""
    if rule.effective_from is None:
        return f"the rule {rule.kind} (the house's standing rule)"
    until = "" if rule.effective_until is None else f" until {_moment(rule.effective_until)}"
    return f"the rule {rule.kind} (since {_moment(rule.effective_from)}{until})"


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


_CHECKS: Final[dict[RuleKind, Callable[[Rule, Proposal, Usage], Refusal | None]]] = {
    RuleKind.KILL_SWITCH: _kill_switch,
    RuleKind.HALTED: _halted,
    RuleKind.RESTRICTED: _restricted,
    RuleKind.STALE_QUOTE: _stale_quote,
    RuleKind.PRICE_COLLAR: _price_collar,
    RuleKind.MAX_ORDER_QUANTITY: _max_order_quantity,
    RuleKind.MAX_ORDER_VALUE: _max_order_value,
    RuleKind.ORDERS_PER_MINUTE: _orders_per_minute,
    RuleKind.MAX_DAILY_VALUE: _max_daily_value,
    RuleKind.SETTLED_CASH_ONLY: _settled_cash_only,
}
