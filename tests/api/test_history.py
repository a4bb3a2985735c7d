"""What was: balances at other times over the API, what a balance is made of, and how far the log is proven."""

import asyncio
import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from app.cases.disagreement import report_disagreement
from app.kernel.errors import Overloaded
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.kernel.principal import Role
from app.ledger import audit
from app.ledger.audit import Auditor, prove
from app.ledger.batch import Batch
from app.ledger.cash_postings import deposit
from app.ledger.types import Entry, Journal
from resolvers import history as resolve_history
from resolvers.ids import uuid_in
from tests.api.operations import money, opened, placed
from tests.api.site import Client, Site

pytestmark = pytest.mark.asyncio

CASH_AT = """
query ($id: ID!, $at: Moment!) { node(id: $id) { ... on Account {
  cashAt(moment: $at) { settled { amount } unsettled { amount } held { amount } buyingPower { amount } }
  positionsAt(moment: $at, first: 10) { edges { node { instrument { symbol } quantity held available } } }
} } }"""
ACTIVITY = """
query ($id: ID!) { node(id: $id) { ... on Account { activity(first: 100) { edges { node {
  id type recordedAt effectiveAt lateness proven cause correlation
} } } } } }"""
EXPLAIN = """
query ($id: ID!, $kind: LedgerAccountKind!, $symbol: String, $first: Int!, $after: String) {
  node(id: $id) { ... on Account { explain(kind: $kind, symbol: $symbol, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { node { change balance entry { type order { id executions { quantity } } transfers { amount } } } }
  } } }
}"""
RESTATED = """
query ($id: ID!, $effective: DateTime!, $known: DateTime!) { node(id: $id) { ... on Account {
  restated(effectiveAt: $effective, knownAt: $known) {
    before { settled { amount } } after { settled { amount } }
    entries(first: 100) { edges { node { type lateness } } }
    positions(first: 100) { edges { node { instrument { symbol } before after } } }
  }
} } }"""
AUDIT = "{ desk { audit { position provenPosition provenAt disagreement } } }"
REPLAY = """
query ($id: ID!, $zero: Boolean!) { desk { replay(accountId: $id, fromZero: $zero) {
  entries accounts agrees disagreement } } }"""
HISTORY_FROM = "query ($id: ID!) { node(id: $id) { ... on Account { historyFrom } } }"
BOOKS = "query ($at: String) { desk { trialBalance(at: $at) { cursor } } }"
RESTART = """
mutation ($reason: String! = "It is mended", $key: String!) {
  restartAudit(reason: $reason, idempotencyKey: $key) { audit { provenPosition disagreement } errors { code } }
}"""


async def trader(site: Site, client: Client) -> str:
    """An account with 900 in cash, bought with the rest of 1,000."""
    account = await opened(client, "1000.00")
    site.world.clock.advance(timedelta(minutes=5))
    await placed(client, account, "BUY", "AAPL", amount=money("100.00"))
    await site.world.pass_time(300)
    return account


async def history(client: Client, account: str) -> list[dict[str, Any]]:
    data = await client.ask(ACTIVITY, id=account)
    return [edge["node"] for edge in data["node"]["activity"]["edges"]][::-1]


async def cash_at(client: Client, account: str, moment: Mapping[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.ask(CASH_AT, id=account, at=moment))["node"]
    return found


async def test_every_entry_of_the_past_can_be_returned_to(site: Site) -> None:
    async with site.client() as ann:
        account = await trader(site, ann)
        log = await history(ann, account)
        assert [each["type"] for each in log] == [
            "ACCOUNT_OPENED", "DEPOSIT", "ORDER_ACCEPTED", "ORDER_NEW", "ORDER_FILLED",
        ]  # fmt: skip
        told = [(await cash_at(ann, account, {"entryId": each["id"]}))["cashAt"] for each in log]
        assert [each["settled"]["amount"] for each in told] == ["0.00", "1000.00", "900.00", "900.00", "900.00"]
        assert [each["held"]["amount"] for each in told] == ["0.00", "0.00", "100.00", "100.00", "0.00"]
        shares = (await cash_at(ann, account, {"entryId": log[-1]["id"]}))["positionsAt"]["edges"]
        assert [edge["node"]["quantity"] for edge in shares] == ["0.99990001"]
        for clock in ("recordedAt", "effectiveAt"):
            deposited = (await cash_at(ann, account, {clock: log[1][clock]}))["cashAt"]
            assert deposited["settled"]["amount"] == "1000.00"
            before = (await cash_at(ann, account, {clock: "2001-01-01T00:00:00Z"}))["cashAt"]
            assert before["buyingPower"]["amount"] == "0.00"


async def test_a_time_is_told_anew_when_something_is_dated_back(site: Site) -> None:
    async with site.client() as ann:
        account = await opened(ann, "10.00")
        noon = site.world.clock.now()
        site.world.clock.advance(timedelta(hours=1))
        await opened(ann, "1.00")
        learned = site.world.clock.now()
        site.world.clock.advance(timedelta(hours=1))
        await late_deposit(site, account, noon)
        at = (noon + timedelta(minutes=30)).isoformat()
        known = {"effectiveAt": at, "knownAt": learned.isoformat()}
        assert (await cash_at(ann, account, known))["cashAt"]["settled"]["amount"] == "10.00"
        assert (await cash_at(ann, account, {"effectiveAt": at}))["cashAt"]["settled"]["amount"] == "15.00"
        assert (await cash_at(ann, account, {"recordedAt": at}))["cashAt"]["settled"]["amount"] == "10.00"
        found = (await ann.ask(RESTATED, id=account, effective=at, known=learned.isoformat()))["node"]["restated"]
        assert found == {
            "before": {"settled": {"amount": "10.00"}},
            "after": {"settled": {"amount": "15.00"}},
            "entries": {"edges": [{"node": {"type": "DEPOSIT", "lateness": "BACKDATED"}}]},
            "positions": {"edges": []},
        }


async def test_what_changed_since_tells_of_shares_and_of_what_was_recorded_in_its_turn(site: Site) -> None:
    """Known before the trades, told after them: the entries that make the difference are the trades'."""
    async with site.client() as ann:
        account = await opened(ann, "1000.00")
        known = site.world.clock.now().isoformat()
        site.world.clock.advance(timedelta(minutes=5))
        for symbol in ("AAPL", "KO"):
            await placed(ann, account, "BUY", symbol, amount=money("100.00"))
        await site.world.pass_time(300)
        at = site.world.clock.now().isoformat()
        site.world.clock.advance(timedelta(minutes=5))
        await placed(ann, account, "SELL", "KO", all=True)
        await site.world.pass_time(300)
        found = (await ann.ask(RESTATED, id=account, effective=at, known=known))["node"]["restated"]
        assert (found["before"], found["after"]) == (
            {"settled": {"amount": "1000.00"}},
            {"settled": {"amount": "800.00"}},
        )
        assert [edge["node"] for edge in found["positions"]["edges"]] == [
            {"instrument": {"symbol": symbol}, "before": "0.00", "after": "0.99990001"} for symbol in ("AAPL", "KO")
        ]
        types = [edge["node"]["type"] for edge in found["entries"]["edges"]]
        assert sorted(types) == sorted(["ORDER_ACCEPTED", "ORDER_NEW", "ORDER_FILLED"] * 2)


async def late_deposit(site: Site, account: str, effective_at: Any) -> None:
    """Five dollars that should have been booked before."""
    async with site.world.read() as connection:
        from app.clients.reads import accounts_by_id

        found = (await accounts_by_id(connection, [uuid_in(account, "Account")]))[uuid_in(account, "Account")]

    async def post(batch: Batch, commands: Any) -> list[None]:
        event = NewEvent(found.book_id, EventType.DEPOSIT, "test", effective_at, correlation=new_id())
        await batch.post_facts([Entry(event, deposit(batch.journal, found.book_id, 5 * UNIT))])
        return [None] * len(commands)

    await site.world.commits.submit(post, None)


async def test_a_balance_is_explained_down_to_executions(site: Site) -> None:
    async with site.client() as ann:
        account = await trader(site, ann)
        explained = await steps(ann, account, kind="SETTLED")
        assert [(step["change"], step["balance"], step["entry"]["type"]) for step in explained] == [
            ("-100.00", "900.00", "ORDER_ACCEPTED"),
            ("1000.00", "1000.00", "DEPOSIT"),
        ]
        [bought] = await steps(ann, account, kind="POSITION", symbol="AAPL")
        assert (bought["change"], bought["entry"]["type"]) == ("0.99990001", "ORDER_FILLED")
        assert [each["quantity"] for each in bought["entry"]["order"]["executions"]] == ["2.00"]
        paged = await steps(ann, account, kind="HELD", page=1)
        assert [step["change"] for step in paged] == ["-100.00", "100.00"]


DOWN_AND_UP = """
query ($id: ID!, $kind: LedgerAccountKind!, $symbol: String) { node(id: $id) { ... on Account {
  explain(kind: $kind, symbol: $symbol, first: 1) { edges { node { change balance entry { id type
    order { id filledQuantity filledAmount { amount } executions { quantity price { amount } standing }
      allocation { orderId quantity filledQuantity filledAmount { amount } marketOrder {
        customersQuantity houseQuantity
        allocations(first: 10) { edges { node { orderId quantity filledQuantity filledAmount { amount } } } } } } }
    transfers { asset amount debit { kind book } credit { kind book balance } }
    proof { index treeSize } block { number rootHash chain }
  } } } }
} } }"""


async def explained(client: Client, account: str, kind: str, symbol: str | None = None) -> dict[str, Any]:
    """The newest step of a balance, with everything below and above it."""
    found = (await client.ask(DOWN_AND_UP, id=account, kind=kind, symbol=symbol))["node"]["explain"]["edges"]
    step: dict[str, Any] = found[0]["node"]
    return step


async def test_a_balance_is_explained_down_to_transfers_and_up_to_its_block(site: Site) -> None:
    """Balance, entry, order, executions, its part of them, transfers; and the proof and the block that hold it."""
    async with site.client() as ann, site.client() as bob, site.client(roles=[Role.OPERATOR]) as operator:
        owners = {await opened(client, "1000.00"): client for client in (ann, bob)}
        for dollars, (account, client) in zip(("100.00", "33.33"), owners.items(), strict=True):
            await placed(client, account, "BUY", "AAPL", amount=money(dollars))
        await site.world.pass_time(300)
        for account, client in owners.items():
            step = await explained(client, account, "POSITION", "AAPL")
            order, moved = step["entry"]["order"], step["entry"]["transfers"]
            mine = order["allocation"]
            assert mine.pop("marketOrder") is None, "what others have of it is not theirs to see"
            assert (mine["orderId"], mine["filledAmount"]) == (order["id"], order["filledAmount"])
            assert mine["filledQuantity"] == order["filledQuantity"] == step["change"]
            assert [(each["asset"], each["amount"], each["credit"]["kind"]) for each in moved] == [
                ("AAPL", step["change"], "POSITION"),
                ("USD", order["filledAmount"]["amount"], "MARKET_ORDER"),
            ]
            assert [each["credit"]["balance"] for each in moved] == [step["balance"], None]
            held = await explained(client, account, "HELD")
            assert (held["entry"]["id"], held["change"]) == (step["entry"]["id"], f"-{moved[1]['amount']}")
            seen = await explained(operator, account, "POSITION", "AAPL")
            dealt = seen["entry"]["order"]["allocation"]["marketOrder"]
            lines = [edge["node"] for edge in dealt["allocations"]["edges"]]
            assert (len(lines), mine in lines) == (2, True)
            customers = Decimal(dealt["customersQuantity"])
            assert sum(Decimal(line["filledQuantity"]) for line in lines) == customers
            whole = sum(Decimal(each["quantity"]) for each in order["executions"])
            assert customers + Decimal(dealt["houseQuantity"]) == whole
            assert (step["entry"]["proof"], step["entry"]["block"]) == (None, None), "not sealed yet"
        await fill_up(site, 1_024)
        size = await site.world.seal()
        for account, client in owners.items():
            entry = (await explained(client, account, "POSITION", "AAPL"))["entry"]
            assert entry["proof"]["treeSize"] == size
            assert entry["block"]["number"] == entry["proof"]["index"] // 1_024 == 0
            root = base64.b64decode(entry["block"]["rootHash"])
            assert base64.b64decode(entry["block"]["chain"]) == sha256(bytes(32) + root).digest()


async def steps(
    client: Client, account: str, kind: str, symbol: str | None = None, page: int = 100
) -> list[dict[str, Any]]:
    """All pages of an explanation; the changes add up to the balance."""
    found: list[dict[str, Any]] = []
    after = None
    while True:
        data = await client.ask(EXPLAIN, id=account, kind=kind, symbol=symbol, first=page, after=after)
        explained = data["node"]["explain"]
        found += [edge["node"] for edge in explained["edges"]]
        if not explained["pageInfo"]["hasNextPage"]:
            return found
        after = explained["pageInfo"]["endCursor"]


@pytest.mark.parametrize(
    ("moment", "path"),
    [
        ({}, "moment"),
        ({"recordedAt": "2026-11-25T12:00:00Z", "effectiveAt": "2026-11-25T12:00:00Z"}, "moment"),
        ({"recordedAt": "2026-11-25T12:00:00Z", "knownAt": "2026-11-25T12:00:00Z"}, "knownAt"),
        ({"recordedAt": "2026-11-25T12:00:00"}, "recordedAt"),
        ({"entryId": "nonsense"}, "entryId"),
    ],
)
async def test_a_moment_that_is_none_is_refused(site: Site, moment: dict[str, str], path: str) -> None:
    async with site.client() as ann:
        account = await opened(ann, "1.00")
        errors = await refused(ann, CASH_AT, id=account, at=moment)
        assert errors[0]["extensions"]["code"] == "MOMENT_INVALID"
        assert errors[0]["extensions"]["path"] == [path]


async def test_what_is_archived_is_not_told_wrongly(site: Site, database_url: str) -> None:
    """As of a time before the log at hand begins nothing is answered, by either clock; from there on everything is."""
    superuser = await asyncpg.connect(database_url)
    await superuser.execute("UPDATE ledger.journal SET partition_size = 1024")
    async with site.client() as ann, site.client(roles=[Role.OPERATOR]) as operator:
        account = await opened(ann, "10.00")
        books = await operator.ask(BOOKS)
        assert (await ann.ask(HISTORY_FROM, id=account))["node"] == {"historyFrom": None}
        site.world.clock.advance(timedelta(hours=1))
        last = site.world.clock.now()
        await fill_up(site, 1_024)
        site.world.clock.advance(timedelta(hours=1))
        await opened(ann, "2.00")
        async with site.world.pool.acquire() as connection:
            await prove(connection, site.world.commits.journal, site.world.clock)
        await superuser.execute("SELECT ledger.detach_oldest_partition($1, 1024)", site.world.commits.journal.id)
        before = (last - timedelta(seconds=1)).isoformat()
        for moment in ({"recordedAt": before}, {"effectiveAt": before}):
            [error] = await refused(ann, CASH_AT, id=account, at=moment)
            assert error["extensions"]["code"] == "ARCHIVED"
        [error] = await refused(ann, RESTATED, id=account, effective=before, known=last.isoformat())
        assert (error["extensions"]["code"], error["extensions"]["path"]) == ("ARCHIVED", ["effectiveAt"])
        found = (await ann.ask(HISTORY_FROM, id=account))["node"]["historyFrom"]
        assert last <= datetime.fromisoformat(found) < site.world.clock.now()
        for moment in ({"recordedAt": last.isoformat()}, {"effectiveAt": last.isoformat()}):
            assert (await cash_at(ann, account, moment))["cashAt"]["settled"]["amount"] == "10.00"
        [error] = await refused(operator, BOOKS, at=books["desk"]["trialBalance"]["cursor"])
        assert error["extensions"]["code"] == "ARCHIVED"
    await superuser.close()


async def fill_up(site: Site, entries: int) -> None:
    """So many entries that move nothing."""

    async def post(batch: Batch, commands: Any) -> list[None]:
        event = NewEvent(batch.journal.house, EventType.HOUSE_FUNDED, "test", batch.effective_at)
        await batch.post_facts([Entry(event)] * entries)
        return [None] * len(commands)

    await site.world.commits.submit(post, None)


async def test_what_is_proven_stands_beside_what_is_recorded(site: Site) -> None:
    async with site.client() as ann, site.client(roles=[Role.OPERATOR]) as operator:
        account = await trader(site, ann)
        before = (await operator.ask(AUDIT))["desk"]["audit"]
        assert (before["provenPosition"], before["provenAt"]) == (0, None)
        assert {each["proven"] for each in await history(ann, account)} == {False}
        async with site.world.pool.acquire() as connection:
            await prove(connection, site.world.commits.journal, site.world.clock)
        after = (await operator.ask(AUDIT))["desk"]["audit"]
        assert after["provenPosition"] == after["position"] > 0
        assert {each["proven"] for each in await history(ann, account)} == {True}
        for zero in (False, True):
            again = (await operator.ask(REPLAY, id=account, zero=zero))["desk"]["replay"]
            assert again["agrees"] is True
            assert again["entries"] > 5


async def test_a_replay_that_is_too_long_is_refused_and_goes_on_from_snapshots(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve_history, "MAX_REPLAYED", 1_500)
    async with site.client() as ann, site.client(roles=[Role.OPERATOR]) as operator:
        account = await opened(ann, "10.00")
        assert (await operator.ask(REPLAY, id=account, zero=True))["desk"]["replay"]["agrees"] is True
        await many_deposits(site, account, 1_000)
        for zero in (True, False):
            [error] = await refused(operator, REPLAY, id=account, zero=zero)
            assert error["extensions"] == {"code": "TOO_LONG", "path": ["accountId"]}
            assert "`wealthgraph replay`" in error["message"]
        async with site.world.pool.acquire() as connection:
            await prove(connection, site.world.commits.journal, site.world.clock)
        [error] = await refused(operator, REPLAY, id=account, zero=True)
        assert error["extensions"]["code"] == "TOO_LONG"
        found = (await operator.ask(REPLAY, id=account, zero=False))["desk"]["replay"]
        assert (found["agrees"], found["entries"] < 1_500) == (True, True)


async def many_deposits(site: Site, account: str, count: int) -> None:
    found = await site.world.account(uuid_in(account, "Account"))

    async def post(batch: Batch, commands: Any) -> list[None]:
        event = NewEvent(found.book_id, EventType.DEPOSIT, "test", batch.effective_at)
        await batch.post_facts([Entry(event, deposit(batch.journal, found.book_id, UNIT))] * count)
        return [None] * len(commands)

    await site.world.commits.submit(post, None)


async def test_the_auditor_stops_at_what_disagrees_and_raises_the_alarm_once(site: Site, database_url: str) -> None:
    alarms: list[tuple[Journal, str]] = []

    async def alarm(journal: Journal, disagreement: str) -> None:
        alarms.append((journal, disagreement))

    async with site.client() as ann, site.client(roles=[Role.OPERATOR]) as operator:
        await trader(site, ann)
        auditor = Auditor(site.world.pool, site.world.clock, alarm)
        await tamper(database_url, "UPDATE ledger.transfer SET amount = amount + 1 WHERE position = 2 AND leg = 1")
        await auditor.look()
        await auditor.look()
        assert [journal.id for journal, _ in alarms] == [site.world.commits.journal.id]
        assert "position 2" in alarms[0][1]
        assert (await operator.ask(AUDIT))["desk"]["audit"]["disagreement"] == alarms[0][1]
        await tamper(database_url, "UPDATE ledger.transfer SET amount = amount - 1 WHERE position = 2 AND leg = 1")
        restarted = await operator.do(RESTART)
        assert restarted == {"audit": {"provenPosition": 0, "disagreement": None}, "errors": []}
        await auditor.look()
        found = (await operator.ask(AUDIT))["desk"]["audit"]
        assert found["provenPosition"] == found["position"]


async def test_the_auditor_goes_on_when_the_alarm_can_not_be_raised(
    site: Site, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised when a queue is full too: until it has been, again and again."""
    raised = asyncio.Event()
    tries: list[str] = []

    async def alarm(_: Journal, disagreement: str) -> None:
        tries.append(disagreement)
        if len(tries) == 1:
            raise Overloaded("20 commands are waiting already")
        raised.set()

    monkeypatch.setattr(audit, "LOOK_AGAIN", 0.0)
    async with site.client() as ann:
        await opened(ann, "10.00")
        await tamper(database_url, "UPDATE ledger.transfer SET amount = amount + 1 WHERE position = 2 AND leg = 1")
        running = asyncio.create_task(audit.Auditor(site.world.pool, site.world.clock, alarm).run())
        await asyncio.wait_for(raised.wait(), 10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(tries) == 2


async def refused(client: Client, query: str, **variables: Any) -> list[dict[str, Any]]:
    """The errors of an operation that was declined."""
    errors: list[dict[str, Any]] = (await client.answer(query, **variables))["errors"]
    return errors


async def tamper(url: str, statement: str) -> None:
    """What only a superuser can do, with the triggers off."""
    superuser = await asyncpg.connect(url)
    await superuser.execute(f"ALTER TABLE ledger.transfer DISABLE TRIGGER append_only; {statement}")
    await superuser.close()


async def test_others_may_neither_look_back_nor_replay(site: Site) -> None:
    async with site.client() as ann, site.client() as bob:
        account = await trader(site, ann)
        assert (await bob.ask(CASH_AT, id=account, at={"effectiveAt": "2026-11-25T12:00:00Z"}))["node"] is None
        assert (await refused(ann, AUDIT))[0]["extensions"]["code"] == "FORBIDDEN"
        assert (await refused(ann, REPLAY, id=account, zero=True))[0]["extensions"]["code"] == "FORBIDDEN"
        before = await site.world.everything()
        assert await ann.do(RESTART) == {"audit": None, "errors": [{"code": "FORBIDDEN"}]}
        assert await site.world.everything() == before


async def test_who_has_the_log_added_up_again_says_so_and_why(site: Site) -> None:
    """An event with a name in the log, the reason on the case; once for a key, and a request without a reason not."""
    world = site.world
    audited = "SELECT proven, disagreement FROM ledger.audit WHERE journal_id = $1"
    async with site.client() as ann, site.client(roles=[Role.OPERATOR]) as operator:
        await trader(site, ann)
        async with world.pool.acquire() as connection:
            await prove(connection, world.commits.journal, world.clock)
        await report_disagreement(world.writers, world.commits.journal, "entry 2 is wrong")
        before = await world.everything(), await world.pool.fetch(audited, world.commits.journal.id)
        for reason in ("", "x" * 4_001, "\u0000"):
            assert (await operator.do(RESTART, reason=reason))["errors"] == [{"code": "REASON_INVALID"}]
        for key in ("", "1"):
            assert (await operator.do(RESTART, key=key))["errors"] == [{"code": "IDEMPOTENCY_KEY_INVALID"}]
        now = await world.everything(), await world.pool.fetch(audited, world.commits.journal.id)
        assert now == before
        key = str(new_id())
        done = await operator.do(RESTART, key=key, reason="Backup put back")
        assert done == {"audit": {"provenPosition": 0, "disagreement": None}, "errors": []}
        assert await operator.do(RESTART, key=key, reason="Backup put back") == done
        assert (await operator.do(RESTART, key=key))["errors"] == [{"code": "IDEMPOTENCY_KEY_REUSED"}]
        [event] = await world.pool.fetch("SELECT book_id, actor, data FROM ledger.event WHERE type = 'AUDIT_RESTARTED'")
        assert event["book_id"] == world.commits.journal.house
        assert str(operator.user_id) in event["actor"]
        assert "Backup" not in event["data"]
        [note] = await world.pool.fetch("SELECT actor, note FROM case_entry WHERE action = 'NOTED'")
        assert (note["actor"], note["note"]) == (event["actor"], "The audit begins again: Backup put back")
