"""Rules as they are set, ended and read: each holds for the very next commit, whoever makes it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.clients.close import CloseAccount, close_accounts
from app.clients.types import Account
from app.kernel.clock import ManualClock
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.ids import new_id
from app.kernel.money import MAX_UNITS, UNIT
from app.ledger.batch import Batch
from app.ledger.commit import GroupCommit
from app.ledger.reads import streams_after
from app.orders.stop import set_rules
from app.risk.check import SetRule
from app.risk.end import EndRule, Release, end_rules, release
from app.risk.errors import EndRuleError, ReleaseError, SetRuleError
from app.risk.reads import rules_by_id
from app.risk.rules import rules_in_force
from app.risk.set import add_rules
from app.risk.types import TENANT, RuleKind, Scope
from tests.world import WEDNESDAY, World, running

pytestmark = pytest.mark.asyncio

SECOND = timedelta(seconds=1)
SWITCH = SetRule(RuleKind.KILL_SWITCH, "A test", "operator:1")
LARGEST = SetRule(RuleKind.MAX_ORDER_VALUE, "A test", "operator:1", 500 * UNIT)


def about(account: Account, command: SetRule) -> SetRule:
    return replace(command, scope=Scope(account.id, command.scope.instrument_id), book=account.book_id)


async def in_force(world: World, at: datetime | None = None) -> set[UUID]:
    """The ids of the rules that hold."""
    async with world.pool.acquire() as connection:
        rules = await rules_in_force(connection, world.commits.journal.tenant_id, at or world.clock.now())
    return {rule.id for each in rules.by_scope.values() for rule in each if rule.id}


async def events(world: World, book: int) -> list[tuple[EventType, dict[str, Any]]]:
    """What the risk room has told in the book's stream."""
    async with world.read() as connection:
        found = (await streams_after(connection, [(book, 0)], 100))[book, 0]
    return [(each.type, each.data) for each in found if each.type.startswith("RISK_")]


async def refusal(world: World, use_case: Any, command: Any) -> Refusal:
    """The refusal; nothing has changed."""
    before = await world.everything()
    with pytest.raises(Refusal) as refused:
        await world.commits.submit(use_case, command)
    assert await world.everything() == before
    assert 20 < len(refused.value.message) < 300
    assert refused.value.message.endswith(".")
    return refused.value


async def test_a_rule_holds_from_its_commit_until_it_is_ended(database_url: str) -> None:
    async with running(database_url) as world:
        assert await in_force(world) == set()
        id_ = await world.commits.submit(set_rules, LARGEST)
        assert await in_force(world) == {id_}
        async with world.pool.acquire() as connection:
            rules = await rules_in_force(connection, world.commits.journal.tenant_id, world.clock.now())
        [rule] = [rule for rule in rules.by_scope[TENANT] if rule.id == id_]
        assert (rule.kind, rule.value, rule.effective_from) == (RuleKind.MAX_ORDER_VALUE, 500 * UNIT, WEDNESDAY)
        assert await world.commits.submit(end_rules, EndRule(id_, "Enough", "operator:2")) == id_
        assert await in_force(world) == set()
        async with world.read() as api:
            found = (await rules_by_id(api, [id_]))[id_]
        assert (found.reason, found.set_by, found.ended_by, found.end_reason) == (
            "A test",
            "operator:1",
            "operator:2",
            "Enough",
        )
        assert not found.holds(world.clock.now())


async def test_the_customer_is_told_of_rules_about_the_account_and_the_house_of_others(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor()
        house = world.commits.journal.house
        hers = await world.commits.submit(set_rules, about(ann, replace(SWITCH, scope=Scope(None, 2))))
        all_ = await world.commits.submit(set_rules, LARGEST)
        for id_ in (hers, all_):
            await world.commits.submit(end_rules, EndRule(id_, "Enough", "operator:1"))
        for book, id_ in ((ann.book_id, hers), (house, all_)):
            told = await events(world, book)
            assert [type_ for type_, _ in told] == [EventType.RISK_RULE_SET, EventType.RISK_RULE_ENDED]
            assert all(data["rule"] == str(id_) for _, data in told)
            assert "test" not in str(told), "reasons are not for customers, nor for a log that can't forget"
        [(_, data), _] = await events(world, ann.book_id)
        assert (data["kind"], data["account"], data["instrument"]) == ("KILL_SWITCH", str(ann.id), 2)


async def test_dates_are_the_markets(database_url: str) -> None:
    async with running(database_url) as world:
        start, end = WEDNESDAY + 60 * SECOND, WEDNESDAY + 120 * SECOND
        later = await world.commits.submit(set_rules, replace(LARGEST, effective_from=start, effective_until=end))
        for at, holds in ((start - SECOND, False), (start, True), (end - SECOND, True), (end, False)):
            assert (later in await in_force(world, at)) is holds, at
            async with world.read() as api:
                assert (await rules_by_id(api, [later]))[later].holds(at) is holds
        early = replace(LARGEST, effective_from=WEDNESDAY - timedelta(days=400))
        past = await world.commits.submit(set_rules, early)
        async with world.read() as api:
            assert (await rules_by_id(api, [past]))[past].rule.effective_from == WEDNESDAY, "nothing holds backwards"


async def test_a_rule_that_was_to_begin_later_can_be_ended_before(database_url: str) -> None:
    async with running(database_url) as world:
        start = WEDNESDAY + 60 * SECOND
        id_ = await world.commits.submit(set_rules, replace(SWITCH, effective_from=start))
        await world.commits.submit(end_rules, EndRule(id_, "Not needed", "operator:1"))
        assert await in_force(world, start) == set()


async def test_the_next_batch_of_another_process_knows_whatever_its_clock_says(database_url: str) -> None:
    async with running(database_url) as world:
        behind = ManualClock(WEDNESDAY - timedelta(hours=1))
        other = GroupCommit(world.pool, world.commits.journal, clock=behind, market_clock=behind, ring=lambda *_: None)
        writing = asyncio.create_task(other.run())

        async def look(batch: Batch, commands: Sequence[None]) -> list[set[UUID | None]]:
            rules = await rules_in_force(batch.connection, batch.journal.tenant_id, batch.effective_at)
            return [{rule.id for each in rules.by_scope.values() for rule in each if rule.id}] * len(commands)

        try:
            for _ in range(5):
                id_ = await world.commits.submit(set_rules, SWITCH)
                assert await other.submit(look, None) == {id_}
                await world.commits.submit(release, Release(TENANT, "Over", "operator:1"))
                assert await other.submit(look, None) == set()
                mine = await other.submit(set_rules, SWITCH)
                assert await world.commits.submit(look, None) == {mine}
                await other.submit(release, Release(TENANT, "Over", "operator:1"))
                assert await world.commits.submit(look, None) == set()
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing


async def test_what_runs_later_in_the_same_batch_knows_too(database_url: str) -> None:
    async with running(database_url) as world:

        async def pull(batch: Batch, commands: Sequence[SetRule]) -> list[UUID]:
            """The seam: a use case that sets a rule and acts on its scope in the same commit."""
            answers = []
            for rule in await add_rules(batch, commands):
                assert not isinstance(rule, Refusal)
                rules = await rules_in_force(batch.connection, batch.journal.tenant_id, batch.effective_at)
                assert rule in rules.by_scope[rule.scope]
                assert rule.scope == Scope(None, 2)
                assert rule.id is not None
                answers.append(rule.id)
            return answers

        await world.commits.submit(pull, replace(SWITCH, scope=Scope(None, 2)))


async def test_tenants_rules_are_their_own(database_url: str) -> None:
    async with running(database_url) as here, running(database_url) as there:
        id_ = await here.commits.submit(set_rules, SWITCH)
        assert await in_force(there) == set()
        async with there.read() as api:
            assert await rules_by_id(api, [id_]) == {}
        with pytest.raises(Refusal) as refused:
            await there.commits.submit(release, Release(TENANT, "Over", "operator:1"))
        assert refused.value.code is ReleaseError.NOT_ENGAGED
        assert await in_force(here) == {id_}


async def test_a_kill_switch_is_released_by_its_scope(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor()
        twice = [await world.commits.submit(set_rules, SWITCH) for _ in range(2)]
        hers = await world.commits.submit(set_rules, about(ann, SWITCH))
        limit = await world.commits.submit(set_rules, LARGEST)
        assert await world.commits.submit(release, Release(TENANT, "Over", "operator:1")) == twice[-1]
        assert await in_force(world) == {hers, limit}
        again = await refusal(world, release, Release(TENANT, "Over", "operator:1"))
        assert again.code is ReleaseError.NOT_ENGAGED
        assert (await refusal(world, release, Release(Scope(ann.id), "", "operator:1"))).code is (
            ReleaseError.REASON_INVALID
        )
        assert await world.commits.submit(release, Release(Scope(ann.id), "Over", "operator:1")) == hers


async def test_a_rule_is_ended_once(database_url: str) -> None:
    async with running(database_url) as world:
        id_ = await world.commits.submit(set_rules, SWITCH)
        command = EndRule(id_, "Enough", "operator:1")
        answers = await asyncio.gather(
            *(world.commits.submit(end_rules, command) for _ in range(3)), return_exceptions=True
        )
        assert sorted(str(getattr(each, "code", each)) for each in answers) == sorted(
            [str(id_), *["ALREADY_ENDED"] * 2]
        )
        assert (await refusal(world, end_rules, command)).code is EndRuleError.ALREADY_ENDED
        other = await world.commits.submit(set_rules, SWITCH)
        for reason in ("", "  ", "a\0b", "a" * 501):
            nothing = await refusal(world, end_rules, EndRule(other, reason, "operator:1"))
            assert (nothing.code, nothing.path) == (EndRuleError.REASON_INVALID, ("reason",))


async def test_a_closed_accounts_rules_are_left_alone(database_url: str) -> None:
    async with running(database_url) as world:
        ann = await world.investor()
        id_ = await world.commits.submit(set_rules, about(ann, SWITCH))
        await world.commits.submit(close_accounts, CloseAccount(ann, "test"))
        found = await refusal(world, set_rules, about(ann, LARGEST))
        assert (found.code, found.path) == (SetRuleError.ACCOUNT_CLOSED, ("accountId",))
        await world.commits.submit(end_rules, EndRule(id_, "Closed", "operator:1"))
        assert [type_ for type_, _ in await events(world, world.commits.journal.house)] == [EventType.RISK_RULE_ENDED]


OF_SOMEBODY, OF_APPLE = Scope(new_id()), Scope(None, 2)
INVALID: dict[str, tuple[SetRule, SetRuleError, str]] = {
    "a limit without a value": (replace(LARGEST, value=None), SetRuleError.VALUE_INVALID, "value"),
    "a limit of nothing": (replace(LARGEST, value=0), SetRuleError.VALUE_INVALID, "value"),
    "a negative limit": (replace(LARGEST, value=-1), SetRuleError.VALUE_INVALID, "value"),
    "a limit beyond all money": (replace(LARGEST, value=MAX_UNITS + 1), SetRuleError.VALUE_INVALID, "value"),
    "half an order": (
        replace(LARGEST, kind=RuleKind.ORDERS_PER_MINUTE, value=UNIT // 2),
        SetRuleError.VALUE_INVALID,
        "value",
    ),
    "a switch with a value": (replace(SWITCH, value=UNIT), SetRuleError.VALUE_INVALID, "value"),
    "a halt of everything": (replace(SWITCH, kind=RuleKind.HALTED), SetRuleError.SCOPE_INVALID, "accountId"),
    "a halt of an account": (
        replace(SWITCH, kind=RuleKind.HALTED, scope=OF_SOMEBODY, book=1),
        SetRuleError.SCOPE_INVALID,
        "accountId",
    ),
    "a restriction of everything": (
        replace(SWITCH, kind=RuleKind.RESTRICTED),
        SetRuleError.SCOPE_INVALID,
        "accountId",
    ),
    "settled cash only for everybody": (
        replace(SWITCH, kind=RuleKind.SETTLED_CASH_ONLY),
        SetRuleError.SCOPE_INVALID,
        "accountId",
    ),
    "orders a minute of an instrument": (
        replace(LARGEST, kind=RuleKind.ORDERS_PER_MINUTE, scope=OF_APPLE),
        SetRuleError.SCOPE_INVALID,
        "accountId",
    ),
    "each account of what is not counted": (
        replace(LARGEST, per_account=True),
        SetRuleError.SCOPE_INVALID,
        "perAccount",
    ),
    "each account of one account": (
        replace(LARGEST, kind=RuleKind.MAX_DAILY_VALUE, per_account=True, scope=OF_SOMEBODY, book=1),
        SetRuleError.SCOPE_INVALID,
        "perAccount",
    ),
    "an end that has passed": (
        replace(SWITCH, effective_until=WEDNESDAY),
        SetRuleError.DATES_INVALID,
        "effectiveUntil",
    ),
    "an end before the beginning": (
        replace(SWITCH, effective_from=WEDNESDAY + 2 * SECOND, effective_until=WEDNESDAY + SECOND),
        SetRuleError.DATES_INVALID,
        "effectiveUntil",
    ),
    "a time without an offset": (
        replace(SWITCH, effective_from=WEDNESDAY.replace(tzinfo=None)),
        SetRuleError.DATES_INVALID,
        "effectiveFrom",
    ),
    "another era": (
        replace(SWITCH, effective_until=WEDNESDAY.replace(year=9999)),
        SetRuleError.DATES_INVALID,
        "effectiveUntil",
    ),
    "no reason": (replace(SWITCH, reason=" "), SetRuleError.REASON_INVALID, "reason"),
    "a reason that can't be shown": (replace(SWITCH, reason="a\0b"), SetRuleError.REASON_INVALID, "reason"),
}


async def test_what_can_not_be_a_rule_changes_nothing(database_url: str) -> None:
    async with running(database_url) as world:
        for case, (command, code, path) in INVALID.items():
            found = await refusal(world, set_rules, command)
            assert (found.code, found.path) == (code, (path,)), case


async def test_the_database_lets_nobody_change_a_rule(database_url: str) -> None:
    async with running(database_url) as world:
        await world.commits.submit(set_rules, LARGEST)
        for column in ("value = 1000000", "kind = 'HALTED'", "effective_from = now()", "reason = ''"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await world.pool.execute(f"UPDATE risk_rule SET {column}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.pool.execute("DELETE FROM risk_rule")
