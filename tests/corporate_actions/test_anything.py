"""Random holders, open orders, unsettled trades and actions, in chunks of two, stopped anywhere: the books agree after
every step, everybody has what the arithmetic says, and another process finishes what one began."""

import asyncio
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.clients.types import Account
from app.corporate_actions import carry_out as carrying_out
from app.corporate_actions import dividend, merger, split
from app.corporate_actions.carry_out import CarryOut, carry_out
from app.corporate_actions.job import carry_out_due
from app.corporate_actions.types import ActionKind, ActionStatus, Fractions, Terms
from app.infra import embedded
from app.kernel.money import CENT, UNIT, to_text, to_units
from app.ledger.chart import USD, Kind
from app.market.types import Side, TimeInForce
from app.orders import adjust_trades, clear
from tests.conftest import fresh_database
from tests.corporate_actions.company import MONDAY, Company, units
from tests.corporate_actions.test_dividend import PAID_ON
from tests.world import WEDNESDAY, World, running

CHUNKED = (split, merger, dividend, adjust_trades, clear)


@dataclass(frozen=True)
class Investor:
    """Buys early, then again and sells a part on the last day, and leaves an order open."""

    buys: int
    again: int
    sells: Fraction
    leaves_open: Side | None


investors = st.builds(
    Investor,
    st.integers(1, 30 * UNIT),
    st.integers(0, 3 * UNIT),
    st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1)]),
    st.sampled_from([None, Side.BUY, Side.SELL]),
)
ratio = st.tuples(st.integers(1, 999), st.integers(1, 999)).filter(lambda each: each[0] != each[1])


@st.composite
def actions(draw: st.DrawFn) -> tuple[ActionKind, Terms]:
    kind = draw(st.sampled_from(ActionKind))
    low, high = sorted(draw(ratio))
    fractions, price = draw(st.sampled_from(Fractions)), draw(st.integers(1, 500 * UNIT))
    match kind:
        case ActionKind.SPLIT:
            return kind, Terms(high * UNIT, low * UNIT, 0, fractions, price)
        case ActionKind.REVERSE_SPLIT:
            return kind, Terms(low * UNIT, high * UNIT, 0, fractions, price)
        case ActionKind.DIVIDEND:
            return kind, Terms(cash_per_share=draw(st.integers(1, 5 * UNIT)))
    cash = draw(st.sampled_from([0, 1, 1_234_567_890]))
    if cash and draw(st.booleans()):
        return kind, Terms(cash_per_share=cash)
    return kind, Terms(low * UNIT, high * UNIT, cash, fractions, price)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(investors, min_size=1, max_size=5),
    action=actions(),
    stops=st.lists(st.integers(0, 4), max_size=4),
)
def test_any_action_on_anybody(
    postgres: embedded.Server, template: str, people: list[Investor], action: tuple[ActionKind, Terms], stops: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch, fresh_database(postgres, template) as url:
        for module in CHUNKED:
            patch.setattr(module, "CHUNK", 2)
        asyncio.run(_any_action(url, people, action, stops))


async def _any_action(url: str, people: list[Investor], given_: tuple[ActionKind, Terms], stops: list[int]) -> None:
    kind, terms = given_
    async with running(url) as world:
        ko = Company(world)
        accounts = await _trade(world, ko, people)
        into = world.instrument("PEP") if kind is ActionKind.MERGER else None
        pay_date = PAID_ON if kind is ActionKind.DIVIDEND else None
        id_ = await ko.announce(kind, terms, MONDAY, into=into, pay_date=pay_date)
        await ko.begin(MONDAY)
        held = {each.id: await world.shares(each, "KO") for each in accounts}
        money = {each.id: await _money(world, each) for each in accounts}
        # Past the settlement of the last trades only where the action waits for it.
        await world.jump(WEDNESDAY.replace(month=12, day=1) if into else ko.effective_at(MONDAY))
        await world.pass_time(1_000, 250)
        writer = world.commits
        steps = 0
        while await writer.submit(carry_out, CarryOut(id_, world.market.today())):
            await ko.check()
            if steps in stops:  # another process, which knows of the journal from the database alone
                async with running(url, at=world.clock.now()) as other:
                    await carry_out_due(other.pool, other.writers, other.market)
            steps += 1
        if kind is ActionKind.DIVIDEND:
            assert (await ko.action(id_)).status is ActionStatus.ACCRUED
            await world.jump(WEDNESDAY.replace(month=12, day=15))
            await world.act()
        done = await ko.action(id_)
        assert done.status is ActionStatus.COMPLETED
        if terms.new_shares:  # the company gives for all shares together, and all of that is somebody's
            progress = done.progress
            assert progress.shares_after == progress.shares_before * terms.new_shares // terms.old_shares
            there = await _custodian(world, "PEP" if into else "KO")
            assert there == progress.shares_after or (terms.fractions is Fractions.CASH and there % UNIT == 0)
        for each in accounts:
            await _has_its_due(world, each, kind, terms, held[each.id], money[each.id])
        await ko.check()


async def _trade(world: World, ko: Company, people: list[Investor]) -> list[Account]:
    accounts = [await ko.holder(to_text(each.buys)) for each in people]
    await world.jump(WEDNESDAY.replace(day=27))
    for account, each in zip(accounts, people, strict=True):
        if each.again:
            await ko.buy(account, to_text(each.again))
        sold = int(each.sells * (each.buys + each.again))
        if sold:
            await ko.sell(account, to_text(sold))
        left = each.buys + each.again - sold
        if each.leaves_open is not None and (left or each.leaves_open is Side.BUY):
            limit = "50" if each.leaves_open is Side.BUY else "200"
            size = "1" if each.leaves_open is Side.BUY else to_text(left)
            await world.place(
                account, each.leaves_open, "KO", quantity=size, limit=limit, time_in_force=TimeInForce.GTC
            )
    await world.pass_time(500, 100)
    return accounts


async def _custodian(world: World, symbol: str) -> int:
    found = await world.pool.fetchval(
        "SELECT -coalesce(sum(balance), 0) FROM ledger.account WHERE asset_id = $1 AND kind = ANY ($2)",
        *(world.instrument(symbol).id, [Kind.CUSTODIAN, Kind.STREET]),
    )
    return to_units(found)


async def _money(world: World, account: Account) -> int:
    rows = await world.pool.fetchval(
        "SELECT coalesce(sum(balance), 0) FROM ledger.account WHERE book_id = $1 AND asset_id = $2 AND kind <> $3",
        *(account.book_id, USD, Kind.DIVIDEND_DUE),
    )
    return to_units(rows)


async def _has_its_due(world: World, account: Account, kind: ActionKind, terms: Terms, held: int, money: int) -> None:
    """What it has now, worked out by hand: shares within a unit, dollars within the cents of two roundings."""
    shares = await world.shares(account, "PEP" if kind is ActionKind.MERGER else "KO")
    gained = Fraction(await _money(world, account) - money)
    exact = Fraction(held)
    if terms.new_shares:
        exact = exact * terms.new_shares / terms.old_shares
    elif kind is ActionKind.MERGER:
        exact = Fraction(0)
    cash = Fraction(held * terms.cash_per_share, UNIT)
    if terms.fractions is Fractions.CASH and terms.new_shares:
        assert shares == exact // UNIT * UNIT
        cash += (exact - shares) * terms.price / UNIT
    else:
        assert 0 <= exact - shares < 1
    assert abs(gained - cash) <= CENT + Fraction(terms.price, UNIT)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ActionKind)
async def test_a_step_that_fails_leaves_nothing_behind(
    database_url: str, monkeypatch: pytest.MonkeyPatch, kind: ActionKind
) -> None:
    """Each commit fails once at its end, when all is posted: the books are as before, and the next try does it."""
    for module in CHUNKED:
        monkeypatch.setattr(module, "CHUNK", 2)
    failed: set[tuple[Any, ...]] = set()
    async with running(database_url) as world:
        ko = Company(world)
        for quantity in ("1.5", "2", "3.25"):
            await ko.holder(quantity)
        await world.jump(WEDNESDAY.replace(day=27))
        terms = Terms(cash_per_share=units("0.333"))
        if kind is not ActionKind.DIVIDEND:
            low, high = units("2"), units("3")
            new, old = (high, low) if kind is ActionKind.SPLIT else (low, high)
            terms = Terms(new, old, 0, Fractions.CASH, units("70"))
        into = world.instrument("PEP") if kind is ActionKind.MERGER else None
        pay_date = PAID_ON if kind is ActionKind.DIVIDEND else None
        id_ = await ko.announce(kind, terms, MONDAY, into=into, pay_date=pay_date)
        step = carrying_out._step

        async def failing(batch: Any, command: CarryOut) -> bool:
            done = await step(batch, command)
            found = tuple(
                await batch.connection.fetchrow("SELECT position, a.* FROM ledger.journal_head, corporate_action a")
            )
            if done and found not in failed:
                failed.add(found)
                raise RuntimeError("pulled the plug")
            return done

        monkeypatch.setattr(carrying_out, "_step", failing)
        await world.jump(WEDNESDAY.replace(month=12, day=15))
        await world.pass_time(1_000, 250)
        for _ in range(40):
            before = await world.everything()
            try:
                assert not await world.commits.submit(carry_out, CarryOut(id_, world.market.today()))
                break
            except RuntimeError:
                assert await world.everything() == before
                assert await world.commits.submit(carry_out, CarryOut(id_, world.market.today()))
            await ko.check()
        assert len(failed) >= 5
        assert (await ko.action(id_)).status is ActionStatus.COMPLETED
        await ko.check()
