"""Attacks over the API: times that can't be, what was archived, hostile places in lists, other people's accounts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.kernel.ids import new_id
from app.kernel.principal import Role
from app.ledger.audit import prove
from resolvers.ids import encode_cursor, encode_id
from tests.accounting.keeping import Keeping
from tests.api.operations import DEPOSIT, ORDER_EVENTS, money, opened, placed
from tests.api.site import Client, Site
from tests.api.test_accounting import PROPOSE, RECONCILE, SORRY, TRIAL_BALANCE, other_tenant
from tests.api.test_history import AUDIT, CASH_AT, EXPLAIN, REPLAY, RESTART, RESTATED, history, trader
from tests.api.test_risk import operator
from tests.ledger.archiving import take_out

pytestmark = pytest.mark.asyncio

#: What a refusal of ours is coded as; anything else is a fault that was not thought of.
UNEXPECTED = {"INTERNAL_ERROR", "INTERNAL", "INTERNAL_SERVER_ERROR", None}
IMPOSSIBLE = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"]


async def codes(client: Client, query: str, **variables: Any) -> list[str | None]:
    """The codes of what was refused, on top and in payloads."""
    answer = await client.answer(query, **variables)
    found = [error.get("extensions", {}).get("code") for error in answer.get("errors", [])]
    for payload in (answer.get("data") or {}).values():
        if isinstance(payload, dict):
            found += [error["code"] for error in payload.get("errors", [])]
    return found


async def history_from(client: Client, account: str) -> str | None:
    """Since when the account's history is at hand, where not all of it is."""
    query = "query ($id: ID!) { node(id: $id) { ... on Account { historyFrom } } }"
    found: str | None = (await client.ask(query, id=account))["node"]["historyFrom"]
    return found


async def archived(site: Site, url: str, folder: Path) -> None:
    async with site.world.pool.acquire() as connection:
        await prove(connection, site.world.commits.journal, site.world.clock)
    later = site.world.clock.now() + timedelta(days=1)
    await take_out(url, site.world.commits.journal.id, folder, later)


async def small_partitions(url: str) -> None:
    superuser = await asyncpg.connect(url)
    await superuser.execute("UPDATE ledger.journal SET partition_size = 5")
    await superuser.close()


async def deposits(client: Client, account: str, count: int) -> None:
    for _ in range(count):
        await client.do(DEPOSIT, input={"accountId": account, "amount": money("1.00")})


@pytest.mark.parametrize("clock", ["recordedAt", "effectiveAt"])
@pytest.mark.parametrize("at", IMPOSSIBLE)
async def test_a_moment_that_has_no_utc_is_refused_or_answered(site: Site, clock: str, at: str) -> None:
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        assert not UNEXPECTED & set(await codes(ann, CASH_AT, id=account, at={clock: at}))


@pytest.mark.parametrize("at", IMPOSSIBLE)
async def test_a_restated_time_that_has_no_utc_is_refused_or_answered(site: Site, at: str) -> None:
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        now = site.world.clock.now().isoformat()
        assert not UNEXPECTED & set(await codes(ann, RESTATED, id=account, effective=at, known=now))
        assert not UNEXPECTED & set(await codes(ann, RESTATED, id=account, effective=now, known=at))


@pytest.mark.parametrize("at", IMPOSSIBLE)
async def test_a_journal_at_a_time_that_has_no_utc_is_refused(site: Site, at: str) -> None:
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "10.00")
        input_ = {"accountId": account, "lines": SORRY, "reason": "Late", "effectiveAt": at}
        found = set(await codes(desk, PROPOSE, input=input_, key=str(new_id())))
        assert found
        assert not UNEXPECTED & found


async def test_a_file_of_a_time_that_has_no_utc_is_refused(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        await opened(ann, "10.00")
        file = f"as_of,account,asset,balance\n{IMPOSSIBLE[0]},FBO,USD,10\n"
        found = set(await codes(desk, RECONCILE, file=file, key=str(new_id())))
        assert found
        assert not UNEXPECTED & found


async def test_an_effective_time_that_is_archived_is_refused_or_right(
    site: Site, database_url: str, tmp_path: Path
) -> None:
    await small_partitions(database_url)
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        site.world.clock.advance(timedelta(minutes=10))
        at = site.world.clock.now().isoformat()
        site.world.clock.advance(timedelta(minutes=10))
        await deposits(ann, account, 8)
        before = (await ann.ask(CASH_AT, id=account, at={"effectiveAt": at}))["node"]["cashAt"]["settled"]
        assert before == {"amount": "10.00"}
        await archived(site, database_url, tmp_path)
        answer = await ann.answer(CASH_AT, id=account, at={"effectiveAt": at})
        if "errors" in answer:
            assert answer["errors"][0]["extensions"]["code"] == "ARCHIVED"
        else:
            assert answer["data"]["node"]["cashAt"]["settled"] == before


async def test_a_trial_balance_that_is_archived_is_refused_or_right(
    site: Site, database_url: str, tmp_path: Path
) -> None:
    await small_partitions(database_url)
    async with site.client() as ann, operator(site) as desk:
        account = await opened(ann, "10.00")
        before = (await desk.ask(TRIAL_BALANCE))["desk"]["trialBalance"]
        await deposits(ann, account, 8)
        await archived(site, database_url, tmp_path)
        answer = await desk.answer(TRIAL_BALANCE, at=before["cursor"])
        assert "errors" in answer or answer["data"]["desk"]["trialBalance"] == before


LEDGER = """
query ($from: Date) { desk { generalLedger(first: 1, from: $from) { historyFrom edges { cursor } } } }
"""


async def test_a_general_ledger_says_what_of_its_days_is_archived(
    site: Site, database_url: str, tmp_path: Path
) -> None:
    await small_partitions(database_url)
    async with site.client() as ann, operator(site) as desk:
        account = await opened(ann, "10.00")
        await deposits(ann, account, 8)
        last = site.world.clock.now()
        assert (await desk.ask(LEDGER))["desk"]["generalLedger"]["historyFrom"] is None
        await site.world.jump(datetime(2026, 11, 27, 15, tzinfo=UTC))
        await Keeping(site.world).bookkeeper.run_due()
        await deposits(ann, account, 8)
        async with site.world.pool.acquire() as connection:
            await prove(connection, site.world.commits.journal, site.world.clock)
        await take_out(database_url, site.world.commits.journal.id, tmp_path, last + timedelta(seconds=1))
        found = (await desk.ask(LEDGER))["desk"]["generalLedger"]
        assert len(found["edges"]) == 1
        assert datetime.fromisoformat(found["historyFrom"]) == last
        later = (await desk.ask(LEDGER, **{"from": "2026-11-27"}))["desk"]["generalLedger"]
        assert (later["historyFrom"], len(later["edges"])) == (None, 1), "nothing of these days is archived"


async def test_events_from_a_cursor_that_is_archived_are_not_lost_silently(
    site: Site, database_url: str, tmp_path: Path
) -> None:
    """``orderEvents`` promises that nothing is lost: resuming past the archive must say so."""
    await small_partitions(database_url)
    async with site.client() as ann:
        account = await trader(site, ann)
        async with site.subscribed(ann.user_id, ORDER_EVENTS, accountId=account) as events:
            first = (await events.next())["orderEvents"]
        await deposits(ann, account, 12)
        await placed(ann, account, "BUY", "AAPL", amount=money("50.00"))
        await site.world.pass_time(300)
        await archived(site, database_url, tmp_path)
        async with site.subscribed(ann.user_id, ORDER_EVENTS, accountId=account, after=first["cursor"]) as events:
            message = await events._receive()
        if message["type"] == "next":
            event = message["payload"]["data"]["orderEvents"]
            assert event["order"]["id"] == first["order"]["id"], "the first order's other events were left out"


async def test_activity_and_explanations_say_that_something_is_archived(
    site: Site, database_url: str, tmp_path: Path
) -> None:
    """An explanation whose changes do not add up to the balance has to say what is missing."""
    await small_partitions(database_url)
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        await deposits(ann, account, 8)
        await archived(site, database_url, tmp_path)
        answer = await ann.answer(EXPLAIN, id=account, kind="SETTLED", first=100)
        if "errors" not in answer:
            explained = answer["data"]["node"]["explain"]
            changes = [edge["node"]["change"] for edge in explained["edges"]]
            assert sum(float(each) for each in changes) == 18.0 or await history_from(ann, account) is not None


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(
            encode_cursor(10**18 - 1),
        ),
        *(encode_cursor(each) for each in (2**62, -1, "x", "1.5", "")),
        "\u0000",
        "=" * 300,
    ],
)
async def test_hostile_cursors_of_an_explanation_are_refused_or_empty(site: Site, after: str) -> None:
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        found = set(await codes(ann, EXPLAIN, id=account, kind="SETTLED", first=100, after=after))
        assert not UNEXPECTED & found


@pytest.mark.parametrize(
    "entry",
    [encode_id("JournalEntry", each) for each in ("1.999999999999999999999", "1.-1", "1", "1.1.1", "99999999999.1")]
    + ["", "\u0000", encode_id("Account", "1.1")],
)
async def test_hostile_entries_are_refused_or_answered(site: Site, entry: str) -> None:
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        assert not UNEXPECTED & set(await codes(ann, CASH_AT, id=account, at={"entryId": entry}))
        found = await ann.answer("query ($id: ID!) { node(id: $id) { id } }", id=entry)
        assert "errors" not in found or not UNEXPECTED & {each["extensions"].get("code") for each in found["errors"]}


async def test_an_account_of_another_tenant_is_nobodys_to_look_back_on_or_replay(site: Site) -> None:
    async with site.client() as ann:
        account = await trader(site, ann)
        entry = (await history(ann, account))[1]["id"]
        tenant = await other_tenant(site)
        now = {"effectiveAt": site.world.clock.now().isoformat()}
        async with site.client(ann.user_id, tenant_id=tenant, roles=[Role.OPERATOR]) as other:
            assert (await other.ask(CASH_AT, id=account, at=now))["node"] is None
            assert (await other.ask(EXPLAIN, id=account, kind="SETTLED", first=10))["node"] is None
            assert (await codes(other, REPLAY, id=account, zero=True)) == ["NOT_FOUND"]
            assert (await other.ask("query ($id: ID!) { node(id: $id) { id } }", id=entry))["node"] is None
            before = (await other.ask(AUDIT))["desk"]["audit"]
            assert before["position"] == 0
            async with site.world.pool.acquire() as connection:
                await prove(connection, site.world.commits.journal, site.world.clock)
            await other.do(RESTART)
        async with operator(site) as desk:
            found = (await desk.ask(AUDIT))["desk"]["audit"]
            assert found["provenPosition"] == found["position"] > 0, "another tenant's restart is not ours"


@pytest.mark.parametrize("size", [0, 101, 2**31 - 1, -1])
async def test_pages_are_bounded(site: Site, size: int) -> None:
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        assert "PAGE_INVALID" in await codes(ann, EXPLAIN, id=account, kind="SETTLED", first=size)


async def test_many_replays_at_once_are_too_dear(site: Site) -> None:
    """Each adds up a whole account: as many as a document has room for must not be one request's."""
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "10.00")
        fields = " ".join(f'r{n}: replay(accountId: "{account}", fromZero: true) {{ entries }}' for n in range(60))
        answer = await desk.answer(f"{{ desk {{ {fields} }} }}")
        assert "errors" in answer


async def test_many_balances_of_the_past_at_once_are_too_dear(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        field = 'cashAt(moment: {effectiveAt: "2026-11-25T12:00:00Z"}) { settled { amount } }'
        fields = " ".join(f"c{n}: {field}" for n in range(400))
        answer = await ann.answer(f'{{ node(id: "{account}") {{ ... on Account {{ {fields} }} }} }}')
        assert "errors" in answer
