"""Each rule by example and at its boundary; and the laws that hold for all of them."""

from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.money import UNIT
from app.market.types import Side
from app.risk.defaults import DEFAULTS
from app.risk.errors import RiskError
from app.risk.review import review, review_all, what_could_refuse
from app.risk.rules import Rules
from app.risk.tally import Tally
from app.risk.types import TENANT, Count, Proposal, Rule, RuleKind, Scope, Usage
from tests.risk.proposals import ANN, APPLE, BOB, COLA, dollars, of, proposal
from tests.world import WEDNESDAY

MICROSECOND = timedelta(microseconds=1)
OF_ANN, OF_APPLE, OF_BOTH = Scope(ANN), Scope(None, APPLE), Scope(ANN, APPLE)
NOTHING = Usage()


def rule(kind: RuleKind, value: str | None = None, scope: Scope = TENANT, **changed: Any) -> Rule:
    units = None if value is None else dollars(value)
    return replace(Rule(kind, units, scope, effective_from=WEDNESDAY), **changed)


def code(asked: Proposal, *rules: Rule, usage: Usage = NOTHING) -> Enum | None:
    refusal = review(Rules.of(rules), asked, usage)
    return None if refusal is None else refusal.code


def buy(limit: str) -> Proposal:
    return proposal(limit_price=dollars(limit))


def sell(limit: str | None = None) -> Proposal:
    return proposal(side=Side.SELL, limit_price=None if limit is None else dollars(limit))


def used(**counted: int) -> Usage:
    return Usage(account=Count(**counted))


def used_by_all(**counted: int) -> Usage:
    return Usage(tenant=Count(**counted))


#: The rule, what just keeps it, what just breaks it, and the refusal.
LIMITS: dict[str, tuple[Rule, Any, Any, RiskError]] = {
    "a quote's age": (
        rule(RuleKind.STALE_QUOTE, "5"),
        proposal(age=timedelta(seconds=5)),
        proposal(age=timedelta(seconds=5) + MICROSECOND),
        RiskError.QUOTE_STALE,
    ),
    "a limit to buy": (
        rule(RuleKind.PRICE_COLLAR, "5"),
        buy("105.0105"),
        buy("105.01050001"),
        RiskError.PRICE_OUTSIDE_COLLAR,
    ),
    "a limit to sell": (
        rule(RuleKind.PRICE_COLLAR, "5"),
        sell("94.9905"),
        sell("94.99049999"),
        RiskError.PRICE_OUTSIDE_COLLAR,
    ),
    "the spread under a market order": (
        rule(RuleKind.PRICE_COLLAR, "1"),
        proposal(bid="100.00", ask="101.00"),
        proposal(bid="100.00", ask="101.00000001"),
        RiskError.PRICE_OUTSIDE_COLLAR,
    ),
    "a locked and a crossed market": (
        rule(RuleKind.PRICE_COLLAR, "50"),
        proposal(bid="100.00", ask="100.00"),
        proposal(bid="100.00000001", ask="100.00"),
        RiskError.PRICE_OUTSIDE_COLLAR,
    ),
    "an order's quantity": (
        rule(RuleKind.MAX_ORDER_QUANTITY, "10"),
        of(10 * UNIT),
        of(10 * UNIT + 1),
        RiskError.ORDER_TOO_LARGE,
    ),
    "an order's value": (
        rule(RuleKind.MAX_ORDER_VALUE, "1000"),
        proposal(),
        proposal(worth=1_000 * UNIT + 1),
        RiskError.ORDER_TOO_LARGE,
    ),
    "an account's orders in a minute": (
        rule(RuleKind.ORDERS_PER_MINUTE, "3", OF_ANN),
        used(orders=2),
        used(orders=3),
        RiskError.RATE_EXCEEDED,
    ),
    "each account's orders in a minute": (
        rule(RuleKind.ORDERS_PER_MINUTE, "3", per_account=True),
        used(orders=2),
        used(orders=3),
        RiskError.RATE_EXCEEDED,
    ),
    "everybody's orders in a minute": (
        rule(RuleKind.ORDERS_PER_MINUTE, "3"),
        used_by_all(orders=2),
        used_by_all(orders=3),
        RiskError.RATE_EXCEEDED,
    ),
    "an account's day": (
        rule(RuleKind.MAX_DAILY_VALUE, "5000", OF_ANN),
        used(value=4_000 * UNIT),
        used(value=4_000 * UNIT + 1),
        RiskError.DAILY_VALUE_EXCEEDED,
    ),
    "each account's day": (
        rule(RuleKind.MAX_DAILY_VALUE, "5000", per_account=True),
        used(value=4_000 * UNIT),
        used(value=4_000 * UNIT + 1),
        RiskError.DAILY_VALUE_EXCEEDED,
    ),
    "everybody's day": (
        rule(RuleKind.MAX_DAILY_VALUE, "5000"),
        used_by_all(value=4_000 * UNIT),
        used_by_all(value=4_000 * UNIT + 1),
        RiskError.DAILY_VALUE_EXCEEDED,
    ),
    "settled cash": (
        rule(RuleKind.SETTLED_CASH_ONLY, None, OF_ANN),
        Usage(settled_cash=1_000 * UNIT),
        Usage(settled_cash=1_000 * UNIT - 1),
        RiskError.SETTLED_CASH_ONLY,
    ),
    "the restricted buy of an instrument": (
        rule(RuleKind.RESTRICTED, None, OF_APPLE),
        sell(),
        proposal(),
        RiskError.INSTRUMENT_RESTRICTED,
    ),
    "the restricted buy of an account": (
        rule(RuleKind.RESTRICTED, None, OF_ANN),
        sell(),
        proposal(),
        RiskError.ACCOUNT_RESTRICTED,
    ),
    "the restricted buy of an account in an instrument": (
        rule(RuleKind.RESTRICTED, None, OF_BOTH),
        sell(),
        proposal(),
        RiskError.INSTRUMENT_RESTRICTED,
    ),
    "a halt to buys": (
        rule(RuleKind.HALTED, None, OF_APPLE),
        proposal(instrument_id=COLA),
        proposal(),
        RiskError.TRADING_HALTED,
    ),
    "a halt to sells": (
        rule(RuleKind.HALTED, None, OF_APPLE),
        replace(sell(), instrument_id=COLA),
        sell(),
        RiskError.TRADING_HALTED,
    ),
    "an account's kill switch": (
        rule(RuleKind.KILL_SWITCH, None, OF_ANN),
        proposal(account_id=BOB),
        sell(),
        RiskError.KILL_SWITCH_ENGAGED,
    ),
    "an instrument's kill switch": (
        rule(RuleKind.KILL_SWITCH, None, OF_APPLE),
        proposal(instrument_id=COLA),
        sell(),
        RiskError.KILL_SWITCH_ENGAGED,
    ),
    "a kill switch of an account in an instrument": (
        rule(RuleKind.KILL_SWITCH, None, OF_BOTH),
        proposal(account_id=BOB),
        sell(),
        RiskError.KILL_SWITCH_ENGAGED,
    ),
}


@pytest.mark.parametrize("case", LIMITS)
def test_a_rule_at_its_boundary(case: str) -> None:
    limit, kept, broken, expected = LIMITS[case]
    for what, refusal in ((kept, None), (broken, expected)):
        asked, usage = (proposal(), what) if isinstance(what, Usage) else (what, NOTHING)
        assert code(asked, limit, usage=usage) is refusal


@pytest.mark.parametrize("case", LIMITS)
def test_a_refusal_says_which_rule_since_when_and_what_to_do(case: str) -> None:
    limit, _, broken, _ = LIMITS[case]
    asked, usage = (proposal(), broken) if isinstance(broken, Usage) else (broken, NOTHING)
    refusal = review(Rules.of([limit]), asked, usage)
    assert refusal is not None
    assert f"the rule {limit.kind} (since 2026-11-25 15:00 UTC)" in refusal.message
    assert 40 < len(refusal.message) < 300
    assert refusal.message.endswith(".")
    assert "; " in refusal.message


def test_the_whole_tenants_kill_switch_stops_everything() -> None:
    switch = rule(RuleKind.KILL_SWITCH)
    for asked in (proposal(), sell(), sell("100"), proposal(account_id=BOB, instrument_id=COLA)):
        assert code(asked, switch) is RiskError.KILL_SWITCH_ENGAGED


def test_a_limit_that_only_waits_is_nobodys_harm() -> None:
    collar = rule(RuleKind.PRICE_COLLAR, "5")
    assert code(buy("0.01"), collar) is None
    assert code(sell("100000"), collar) is None


def test_a_collar_wider_than_the_price_lets_every_sale_through() -> None:
    assert code(sell("0.00000001"), rule(RuleKind.PRICE_COLLAR, "150")) is None


def test_a_quote_without_a_bid_is_no_market() -> None:
    assert code(proposal(bid="0.00"), rule(RuleKind.PRICE_COLLAR, "50")) is RiskError.PRICE_OUTSIDE_COLLAR


def test_settled_cash_is_no_matter_of_sells_nor_where_nobody_asked() -> None:
    only = rule(RuleKind.SETTLED_CASH_ONLY, None, OF_ANN)
    assert code(sell(), only, usage=Usage(settled_cash=0)) is None
    assert code(proposal(), only) is None
    assert Rules.of([only]).settled_cash_only(ANN)
    assert not Rules.of([only]).settled_cash_only(BOB)


def test_the_amounts_stand_in_the_message() -> None:
    refusal = review(Rules.of([rule(RuleKind.MAX_ORDER_VALUE, "999.50")]), proposal(), NOTHING)
    assert refusal is not None
    assert "worth 1000.00 USD" in refusal.message
    assert "allows 999.50" in refusal.message


def test_what_others_do_is_not_told() -> None:
    limit = rule(RuleKind.MAX_DAILY_VALUE, "5000")
    refusal = review(Rules.of([limit]), proposal(), used_by_all(value=4_321 * UNIT))
    assert refusal is not None
    assert "4321" not in refusal.message


def test_defaults_hold_where_a_tenant_says_nothing() -> None:
    assert code(proposal()) is None
    assert code(proposal(age=timedelta(seconds=301))) is RiskError.QUOTE_STALE
    assert code(buy("111")) is RiskError.PRICE_OUTSIDE_COLLAR
    assert code(of(1_000_000 * UNIT)) is RiskError.ORDER_TOO_LARGE
    assert code(proposal(), usage=used(orders=200)) is RiskError.RATE_EXCEEDED
    assert code(proposal(), usage=used_by_all(orders=100_000)) is None


def test_a_rule_for_everybody_stands_in_for_the_default_and_a_narrower_one_does_not() -> None:
    asked = proposal(age=timedelta(seconds=600))
    assert code(asked, rule(RuleKind.STALE_QUOTE, "900")) is None
    assert code(asked, rule(RuleKind.STALE_QUOTE, "900", OF_ANN)) is RiskError.QUOTE_STALE
    # A limit on all accounts together is another limit than the one on each.
    together = rule(RuleKind.ORDERS_PER_MINUTE, "5000")
    assert code(proposal(), together, usage=used(orders=200)) is RiskError.RATE_EXCEEDED
    each = rule(RuleKind.ORDERS_PER_MINUTE, "5000", per_account=True)
    assert code(proposal(), each, usage=used(orders=200)) is None


def test_the_strictest_rule_that_applies_counts_and_speaks() -> None:
    rules = [
        rule(RuleKind.MAX_ORDER_VALUE, "900"),
        rule(RuleKind.MAX_ORDER_VALUE, "800", OF_ANN),
        rule(RuleKind.MAX_ORDER_VALUE, "1", Scope(BOB)),
        rule(RuleKind.MAX_ORDER_VALUE, "850", OF_APPLE),
    ]
    refusal = review(Rules.of(rules), proposal(), NOTHING)
    assert refusal is not None
    assert "allows 800.00" in refusal.message


def test_a_preview_hears_everything_gravest_first() -> None:
    rules = [
        rule(RuleKind.MAX_ORDER_VALUE, "900"),
        rule(RuleKind.MAX_ORDER_QUANTITY, "5"),
        rule(RuleKind.RESTRICTED, None, OF_ANN),
        rule(RuleKind.RESTRICTED, None, OF_APPLE),
        rule(RuleKind.KILL_SWITCH),
    ]
    found = [refusal.code for refusal in what_could_refuse(Rules.of(rules), proposal(), NOTHING)]
    assert found[0] is RiskError.KILL_SWITCH_ENGAGED
    assert set(found[1:3]) == {RiskError.ACCOUNT_RESTRICTED, RiskError.INSTRUMENT_RESTRICTED}
    assert found[3:] == [RiskError.ORDER_TOO_LARGE, RiskError.ORDER_TOO_LARGE]
    assert what_could_refuse(Rules.of([]), proposal(), NOTHING) == []


def test_a_batch_counts_itself() -> None:
    limits = [
        rule(RuleKind.ORDERS_PER_MINUTE, "3", per_account=True),
        rule(RuleKind.MAX_DAILY_VALUE, "5000"),
    ]
    bobs = proposal(account_id=BOB)
    tally = Tally(Count(value=1_000 * UNIT), {ANN: Count(orders=1)})
    verdicts = review_all(Rules.of(limits), [proposal(), proposal(), proposal(), bobs, bobs, bobs], tally)
    assert [None if each is None else each.code for each in verdicts] == [
        None,
        None,
        RiskError.RATE_EXCEEDED,  # what is refused counts for nothing
        None,
        None,
        RiskError.DAILY_VALUE_EXCEEDED,
    ]


def test_a_batch_spends_settled_cash_once() -> None:
    only = Rules.of([rule(RuleKind.SETTLED_CASH_ONLY, None, OF_ANN)])
    tally = Tally(settled_cash={17: 2_500 * UNIT})
    verdicts = review_all(only, [proposal(), sell(), proposal(), proposal()], tally)
    assert [each is None for each in verdicts] == [True, True, True, False]


kinds_with_value = st.sampled_from([each.kind for each in DEFAULTS] + [RuleKind.MAX_DAILY_VALUE])
scopes = st.sampled_from([TENANT, OF_ANN, OF_APPLE, OF_BOTH, Scope(BOB), Scope(None, COLA)])
units = st.integers(1, 2_000 * UNIT)
limits = st.builds(Rule, kinds_with_value, units, scopes, per_account=st.booleans(), effective_from=st.just(WEDNESDAY))
bans = st.builds(
    Rule,
    st.sampled_from([RuleKind.KILL_SWITCH, RuleKind.HALTED, RuleKind.RESTRICTED, RuleKind.SETTLED_CASH_ONLY]),
    st.none(),
    scopes,
    effective_from=st.just(WEDNESDAY),
)
counts = st.builds(Count, st.integers(0, 300), st.integers(0, 5_000 * UNIT))
usages = st.builds(Usage, counts, counts, st.none() | st.integers(0, 2_000 * UNIT))
proposals = st.builds(
    lambda side, limit, quantity, bid, spread, age: proposal(
        side=side,
        limit_price=limit,
        quantity=quantity,
        worth=quantity * 100,
        bid=f"{bid}.00",
        ask=f"{bid + spread}.00",
        age=timedelta(seconds=age),
    ),
    st.sampled_from(Side),
    st.none() | st.integers(1, 300 * UNIT),
    st.integers(1, 20 * UNIT),
    st.integers(1, 200),
    st.integers(0, 30),
    st.integers(0, 600),
)


@given(rules=st.lists(limits | bans, max_size=6), asked=proposals, usage=usages, data=st.data())
def test_tightening_a_rule_never_allows_more(
    rules: list[Rule], asked: Proposal, usage: Usage, data: st.DataObject
) -> None:
    """Of a rule that is made stricter, and of one that is added (for everybody: no looser than the default)."""
    refused = review(Rules.of(rules), asked, usage) is not None
    tightened = [
        each if each.value is None else replace(each, value=data.draw(st.integers(1, each.value))) for each in rules
    ]
    assert refused <= (review(Rules.of(tightened), asked, usage) is not None)
    more = data.draw(limits | bans)
    default = next((d for d in DEFAULTS if (d.kind, d.per_account) == (more.kind, more.per_account)), None)
    if more.scope == TENANT and default is not None and more.value is not None and default.value is not None:
        more = replace(more, value=min(more.value, default.value))
    assert refused <= (review(Rules.of([*rules, more]), asked, usage) is not None)
    assert refused <= (review(Rules.of(rules).and_also([more]), asked, usage) is not None)


@given(rules=st.lists(limits | bans, max_size=6), asked=proposals, usage=usages, data=st.data())
def test_the_order_of_rules_does_not_matter(
    rules: list[Rule], asked: Proposal, usage: Usage, data: st.DataObject
) -> None:
    def told(given: list[Rule]) -> list[Any]:
        return sorted(each.message for each in what_could_refuse(Rules.of(given), asked, usage))

    assert told(rules) == told(data.draw(st.permutations(rules)))


@given(rules=st.lists(limits | bans, max_size=6), asked=proposals, usage=usages)
def test_a_preview_tells_of_a_refusal_exactly_if_the_order_would_get_it(
    rules: list[Rule], asked: Proposal, usage: Usage
) -> None:
    found, first = what_could_refuse(Rules.of(rules), asked, usage), review(Rules.of(rules), asked, usage)
    assert (first is None) == (not found)
    if first is not None:
        assert (found[0].code, found[0].message) == (first.code, first.message)
