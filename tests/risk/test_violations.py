"""Violations as they are recorded: once by order and lot, told to the customer, and restricting the account."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.clients.types import Account
from app.kernel.events import Event, EventType
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.reads import streams_after
from app.market.types import InstrumentKind, Side
from app.risk.cash_account import Restriction, SoldPart
from app.risk.errors import RiskError
from app.risk.review import review
from app.risk.rules import rules_in_force
from app.risk.types import Usage
from app.risk.violations import as_rules, record_violations, restrictions
from tests.risk.proposals import proposal
from tests.world import World, running

pytestmark = pytest.mark.asyncio

DAY = timedelta(days=1)
SALE = date(2026, 11, 25)


def part_of(account: Account, **changed: object) -> SoldPart:
    """Sold before the funding had settled."""
    part = SoldPart(
        account.id, account.book_id, InstrumentKind.EQUITY, new_id(), new_id(), SALE, UNIT, SALE + 2 * DAY, 0
    )
    return replace(part, **changed)  # type: ignore[arg-type]


async def record(world: World, *parts: SoldPart) -> list[UUID]:
    """What is new of it; all in one commit."""
    made: list[UUID] = []

    async def sold(batch: Batch, commands: object) -> list[UUID]:
        made.extend(await record_violations(batch, parts))
        return [new_id()]

    await world.commits.submit(sold, None)
    return made


async def restricted(world: World, account: Account, on: date) -> Restriction | None:
    async with world.pool.acquire() as connection:
        return (await restrictions(connection, [account.id, new_id()], on)).get(account.id)


async def told(world: World, account: Account) -> list[Event]:
    async with world.read() as connection:
        events = (await streams_after(connection, [(account.book_id, 0)], 100))[account.book_id, 0]
    return [each for each in events if each.type in (EventType.GOOD_FAITH_VIOLATION, EventType.FREE_RIDING)]


async def test_the_customer_is_told_of_each_once(database_url: str) -> None:
    async with running(database_url) as world:
        ann, bob = await world.investor(), await world.investor()
        part = part_of(ann)
        [id_] = await record(world, part, part_of(ann, unsettled=0))
        before = await world.everything()
        assert await record(world, part) == []
        assert await record(world, replace(part, sold_on=SALE + DAY), part) == []
        assert await world.everything() == before
        [event] = await told(world, ann)
        assert (event.type, event.cause, event.correlation) == (
            EventType.GOOD_FAITH_VIOLATION,
            part.bought_by,
            part.sold_by,
        )
        assert event.data == {
            "violation": str(id_),
            "order": str(part.sold_by),
            "bought_by": str(part.bought_by),
            "occurred_on": "2026-11-25",
            "proceeds_due": "2026-11-27",
            "restricted_until": None,
        }
        assert await told(world, bob) == []


async def test_the_same_twice_in_one_commit_is_once(database_url: str) -> None:
    async with running(database_url) as world:
        part = part_of(await world.investor())
        assert len(await record(world, part, part)) == 1


async def test_free_riding_restricts_for_ninety_days(database_url: str) -> None:
    async with running(database_url) as world:
        ann, bob = await world.investor(), await world.investor()
        await record(world, part_of(ann, unpaid=1), part_of(bob))
        [event] = await told(world, ann)
        assert (event.type, event.data["restricted_until"]) == (EventType.FREE_RIDING, "2027-02-23")
        for on, is_restricted in (
            (SALE - DAY, False),
            (SALE, True),
            (date(2027, 2, 23), True),
            (date(2027, 2, 24), False),
        ):
            assert (await restricted(world, ann, on) is not None) is is_restricted, on
            assert await restricted(world, bob, on) is None


async def test_the_third_good_faith_violation_restricts(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor()
        first, second = date(2025, 11, 26), date(2026, 3, 2)
        for day in (first, second):
            await record(world, part_of(ann, sold_on=day, settles_on=day + DAY))
            assert await restricted(world, ann, day) is None
        await record(world, part_of(ann))
        assert [event.data["restricted_until"] for event in await told(world, ann)] == [None, None, "2027-02-23"]
        found = await restricted(world, ann, date(2027, 2, 23))
        assert found is not None
        assert found.why == "3 good-faith violations within twelve months, the last on 2026-11-25"
        assert await restricted(world, ann, date(2027, 2, 24)) is None


async def test_a_restricted_account_buys_with_settled_cash_only(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor()
        await record(world, part_of(ann, unpaid=1))
        async with world.pool.acquire() as connection:
            rules = await rules_in_force(connection, world.commits.journal.tenant_id, world.clock.now())
            rules = rules.and_also(as_rules(await restrictions(connection, [ann.id], world.market.today())))
        assert rules.settled_cash_only(ann.id)
        asked = proposal(account_id=ann.id)
        refusal = review(rules, asked, Usage(settled_cash=999 * UNIT))
        assert refusal is not None
        assert refusal.code is RiskError.SETTLED_CASH_ONLY
        # Whole days of New York: five hours behind UTC.
        assert "(since 2026-11-25 05:00 UTC until 2027-02-24 05:00 UTC)" in refusal.message
        assert review(rules, asked, Usage(settled_cash=1_000 * UNIT)) is None
        assert review(rules, replace(asked, side=Side.SELL), Usage(settled_cash=0)) is None
        [rule] = as_rules({ann.id: Restriction(SALE, SALE, "")})
        assert (rule.effective_from, rule.effective_until) == (
            datetime(2026, 11, 25, 5, tzinfo=UTC),
            datetime(2026, 11, 26, 5, tzinfo=UTC),
        )


async def test_violations_are_of_their_tenant_and_stay_as_they_are(database_url: str) -> None:
    async with running(database_url) as here, running(database_url) as there:
        await record(here, part_of(await here.investor()))
        async with here.pool.acquire() as engine:
            for statement in ("UPDATE cash_violation SET kind = 'FREE_RIDING'", "DELETE FROM cash_violation"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await engine.execute(statement)
        counts = []
        for world in (here, there):
            async with world.read() as api:
                counts.append((await api.exec_driver_sql("SELECT count(*) FROM cash_violation")).scalar())
        assert counts == [1, 0]
