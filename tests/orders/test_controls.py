"""Controls before the trade, where orders meet them: refusals leave all as it was, a switch ends what is open."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.clients.types import Account
from app.kernel.errors import Refusal
from app.kernel.money import UNIT
from app.market.types import Side, TimeInForce
from app.orders.stop import set_rules
from app.orders.types import OrderStatus
from app.risk.check import SetRule
from app.risk.end import EndRule, Release, end_rules, release
from app.risk.errors import RiskError
from app.risk.types import TENANT, RuleKind, Scope
from app.venues.port import Report, ReportKind
from tests.orders.test_busts import SILENT
from tests.orders.test_replace import limit, wants
from tests.world import World, running

pytestmark = pytest.mark.asyncio


async def rule(
    world: World,
    kind: RuleKind,
    scope: Scope = TENANT,
    value: int | None = None,
    *,
    book: int | None = None,
    per_account: bool = False,
) -> None:
    command = SetRule(kind, "A test of it", "operator:test", value, scope, book, per_account)
    await world.commits.submit(set_rules, command)


async def refused(world: World, ann: Account, side: Side = Side.BUY, **order: str) -> RiskError:
    """The code with which the order is refused, which changes nothing."""
    before = await world.everything()
    with pytest.raises(Refusal) as refusal:
        await world.place(ann, side, "KO", **(order or {"amount": "10.00"}))  # type: ignore[arg-type]
    assert await world.everything() == before
    assert isinstance(refusal.value.code, RiskError)
    return refusal.value.code


@pytest.mark.parametrize(
    ("kind", "value", "order", "code"),
    [
        (RuleKind.MAX_ORDER_VALUE, 9, {}, RiskError.ORDER_TOO_LARGE),
        (RuleKind.MAX_ORDER_QUANTITY, 2, {"quantity": "2.00000001"}, RiskError.ORDER_TOO_LARGE),
        (RuleKind.PRICE_COLLAR, 5, {"quantity": "1", "limit": "106.00"}, RiskError.PRICE_OUTSIDE_COLLAR),
        (RuleKind.MAX_DAILY_VALUE, 9, {}, RiskError.DAILY_VALUE_EXCEEDED),
    ],
)
async def test_what_breaks_a_rule_is_refused_and_changes_nothing(
    database_url: str, kind: RuleKind, value: int, order: dict[str, Any], code: RiskError
) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        await rule(world, kind, value=value * UNIT)
        assert await refused(world, ann, **order) is code


async def test_a_restricted_account_and_a_restricted_instrument_place_nothing(database_url: str) -> None:
    async with running(database_url) as world:
        ann, bob = await world.investor(1_000), await world.investor(1_000)
        await rule(world, RuleKind.RESTRICTED, Scope(ann.id), book=ann.book_id)
        assert await refused(world, ann) is RiskError.ACCOUNT_RESTRICTED
        await rule(world, RuleKind.RESTRICTED, Scope(None, world.instrument("KO").id))
        assert await refused(world, bob) is RiskError.INSTRUMENT_RESTRICTED


async def test_orders_are_counted_by_the_minute_and_by_the_day(database_url: str) -> None:
    async with running(database_url) as world:
        ann, bob = await world.investor(1_000), await world.investor(1_000)
        await rule(world, RuleKind.ORDERS_PER_MINUTE, Scope(ann.id), 2 * UNIT, book=ann.book_id)
        await rule(world, RuleKind.MAX_DAILY_VALUE, value=45 * UNIT)
        for _ in range(2):
            await world.place(ann, Side.BUY, "KO", amount="10.00")
        assert await refused(world, ann) is RiskError.RATE_EXCEEDED
        await world.place(bob, Side.BUY, "KO", amount="10.00")
        await world.pass_time(60_000, 5_000)
        await world.place(ann, Side.BUY, "KO", amount="10.00")
        await world.pass_time(60_000, 5_000)
        assert await refused(world, ann) is RiskError.DAILY_VALUE_EXCEEDED
        await world.jump(datetime(2026, 11, 27, 15, 0, tzinfo=UTC))
        await world.place(ann, Side.BUY, "KO", amount="10.00")


async def test_a_stale_quote_is_not_dealt_on(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        quote, then = world.quotes.quote, world.clock.now()
        monkeypatch.setattr(type(world.quotes), "quote", lambda _, instrument, at: quote(instrument, then))
        await world.place(ann, Side.BUY, "KO", amount="10.00")
        await world.pass_time(600_000, 60_000)
        assert await refused(world, ann) is RiskError.QUOTE_STALE


@pytest.mark.parametrize("kind", [RuleKind.RESTRICTED, RuleKind.HALTED])
async def test_restricted_and_halted(database_url: str, kind: RuleKind) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        await world.place(ann, Side.BUY, "KO", quantity="2")
        await world.pass_time(500)
        instrument = world.instrument("KO").id
        await rule(world, kind, Scope(None, instrument))
        code = RiskError.INSTRUMENT_RESTRICTED if kind is RuleKind.RESTRICTED else RiskError.TRADING_HALTED
        assert await refused(world, ann) is code
        await world.place(ann, Side.BUY, "AAPL", amount="10.00")
        if kind is RuleKind.HALTED:
            assert await refused(world, ann, Side.SELL, quantity="1") is code
        else:
            await world.place(ann, Side.SELL, "KO", quantity="1")


async def test_what_waits_when_trading_is_halted_goes_on_waiting(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        id_ = await world.place(ann, Side.BUY, "KO", amount="10.00")
        halted = SetRule(RuleKind.HALTED, "News pending", "operator:test", scope=Scope(None, world.instrument("KO").id))
        rule_id = await world.commits.submit(set_rules, halted)
        await world.pass_time(2_000)
        assert (await world.order(id_)).status is OrderStatus.ACCEPTED
        await world.commits.submit(end_rules, EndRule(rule_id, "It is over", "operator:test"))
        await world.pass_time(2_000)
        assert (await world.order(id_)).status is OrderStatus.FILLED


@pytest.mark.parametrize("of", ["account", "instrument", "tenant"])
async def test_a_kill_switch_ends_what_is_open_and_refuses_what_comes(database_url: str, of: str) -> None:
    async with running(database_url, SILENT) as world:
        ann, bob = await world.investor(1_000), await world.investor(1_000)
        at_venue = await world.place(ann, Side.BUY, "KO", quantity="2", limit="95.00", time_in_force=TimeInForce.GTC)
        of_bob = await world.place(bob, Side.BUY, "AAPL", quantity="2", limit="95.00", time_in_force=TimeInForce.GTC)
        await world.pass_time(500)
        waiting = await world.place(ann, Side.BUY, "KO", amount="10.00")
        scope = {
            "account": Scope(ann.id),
            "instrument": Scope(None, world.instrument("KO").id),
            "tenant": TENANT,
        }[of]
        await rule(world, RuleKind.KILL_SWITCH, scope, book=ann.book_id if of == "account" else None)
        assert (await world.order(waiting)).status is OrderStatus.CANCELED, "in the same commit"
        assert (await world.order(at_venue)).status is OrderStatus.PENDING_CANCEL
        assert await refused(world, ann) is RiskError.KILL_SWITCH_ENGAGED
        world.engine.look()
        await world.pass_time(900)
        assert (await world.order(at_venue)).status is OrderStatus.CANCELED
        expected = OrderStatus.CANCELED if of == "tenant" else OrderStatus.NEW
        assert (await world.order(of_bob)).status is expected
        assert (await world.cash(ann)).settled == 1_000 * UNIT
        await world.commits.submit(release, Release(scope, "All is well", "operator:test"))
        await world.place(ann, Side.BUY, "KO", amount="10.00")


async def test_a_replacement_meets_the_controls_too(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor(1_000)
        id_ = await world.place(ann, Side.BUY, "KO", quantity="2", limit="95.00", time_in_force=TimeInForce.GTC)
        order = await world.order(id_)
        before = await world.everything()
        with pytest.raises(Refusal) as refusal:
            await wants(world, order, quantity=2, terms=limit(120))
        assert refusal.value.code is RiskError.PRICE_OUTSIDE_COLLAR
        assert await world.everything() == before


async def test_a_replacement_takes_no_unsettled_cash_where_only_settled_cash_may_be_used(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann = await world.investor(1_000)
        bought = await world.place(ann, Side.BUY, "KO", quantity="9")
        await world.pass_time(100)
        await deals(world, bought, "bought", 9, 100)
        sold = await world.place(ann, Side.SELL, "KO", everything=True)
        await world.pass_time(100)
        await deals(world, sold, "sold", 9, 100)
        await rule(world, RuleKind.SETTLED_CASH_ONLY, Scope(ann.id), book=ann.book_id)
        id_ = await world.place(ann, Side.BUY, "KO", quantity="1", limit="95.00", time_in_force=TimeInForce.GTC)
        order = await world.order(id_)
        before = await world.everything()
        with pytest.raises(Refusal) as refusal:
            await wants(world, order, quantity=2, terms=limit(95))
        assert refusal.value.code is RiskError.SETTLED_CASH_ONLY
        assert await world.everything() == before


async def deals(world: World, id_: object, execution: str, quantity: int, price: int) -> None:
    made = await world.pool.fetchval("SELECT market_order_id FROM customer_order WHERE id = $1", id_)
    at = world.clock.now()
    await world.told(Report("paper", made, ReportKind.EXECUTION, at, execution, quantity * UNIT, price * UNIT))


async def test_three_good_faith_violations_leave_settled_cash_only(database_url: str) -> None:
    """Bought with the proceeds of a sale of the same day, and sold before those have settled: three times."""
    async with running(database_url, SILENT) as world:
        ann = await world.investor(1_000)
        first = await world.place(ann, Side.BUY, "KO", quantity="9")
        await world.pass_time(100)
        await deals(world, first, "first", 9, 100)
        for number in range(3):
            sale = await world.place(ann, Side.SELL, "KO", everything=True)
            await world.pass_time(100)
            await deals(world, sale, f"sale {number}", 9, 100)
            again = await world.place(ann, Side.BUY, "KO", quantity="9")
            await world.pass_time(100)
            await deals(world, again, f"buy {number}", 9, 100)
        violations = "SELECT count(*) FROM cash_violation WHERE kind = 'GOOD_FAITH_VIOLATION'"
        assert await world.pool.fetchval(violations) == 2, "the first sale was of shares that had been paid"
        last = await world.place(ann, Side.SELL, "KO", everything=True)
        await world.pass_time(100)
        await deals(world, last, "last", 9, 100)
        assert await world.pool.fetchval(violations) == 3
        assert (await world.cash(ann)).buying_power > 900 * UNIT
        assert await refused(world, ann, quantity="5") is RiskError.SETTLED_CASH_ONLY
        await world.jump(datetime(2026, 11, 30, 15, 0, tzinfo=UTC))
        await world.pass_time(2_000)
        assert (await world.cash(ann)).unsettled == 0
        await world.place(ann, Side.BUY, "KO", quantity="5")


async def test_what_was_bought_beyond_all_cash_and_sold_is_free_riding(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann = await world.investor(106)
        order = await world.place(
            ann,
            Side.BUY,
            "KO",
            quantity="1",
        )
        await world.pass_time(100)
        world.quotes.prices[world.instrument("KO").id] = Decimal(150)
        await deals(world, order, "dear", 1, 150)
        assert (await world.cash(ann)).receivable == -44 * UNIT
        sale = await world.place(ann, Side.SELL, "KO", everything=True)
        await world.pass_time(100)
        await deals(world, sale, "sold", 1, 150)
        assert await world.pool.fetchval("SELECT kind FROM cash_violation") == "FREE_RIDING"


async def test_late_and_contradicting_executions_become_cases(database_url: str) -> None:
    async with running(database_url, SILENT) as world:
        ann = await world.investor(1_000)
        order = await world.place(ann, Side.BUY, "KO", quantity="2")
        await world.pass_time(100)
        await deals(world, order, "one", 2, 100)
        await deals(world, order, "one", 2, 101)
        await deals(world, order, "late", 1, 100)
        found = await world.pool.fetch("SELECT kind, status FROM ops_case")
        assert [tuple(row) for row in found] == [("VENUE_ORDER_UNCLEAR", "OPEN")]
        assert await world.pool.fetchval("SELECT count(*) FROM case_entry") == 2
        assert await world.shares(ann, "KO") == 2 * UNIT
