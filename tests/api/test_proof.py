"""Proofs over the API: for the customer of the account's own entries, for operators of all, for nobody else of any."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from app.clients.types import Account, AccountStatus
from app.kernel.events import Event, EventType, Lateness
from app.kernel.ids import new_id
from app.kernel.principal import Principal, Role, Scope
from app.proof.prove import entry_proofs
from resolvers import loaders
from resolvers.ids import encode_id
from resolvers.proof import entry_proof
from tests.api.operations import money, opened, placed
from tests.api.site import Client, Json, Site
from tests.api.situation import other_tenant
from tests.api.test_isolation import elsewhere
from tests.api.test_risk import operator
from tests.proof.sealed import attacking, check

pytestmark = pytest.mark.asyncio

PROOF = "proof { leaf index treeSize auditPath checkpoint }"
ENTRIES = f"""
query ($id: ID!) {{ node(id: $id) {{ ... on Account {{
  activity(last: 20) {{ edges {{ node {{ id sequence type {PROOF} }} }} }}
}} }} }}"""
ENTRY = f"query ($id: ID!) {{ node(id: $id) {{ ... on JournalEntry {{ id {PROOF} }} }} }}"
CHECKPOINTS = """
query ($first: Int, $after: String) { checkpoints(first: $first, after: $after) {
  edges { cursor node { size rootHash madeAt publishedAt note } } pageInfo { hasNextPage }
} }"""
CONSISTENCY = "query ($from: Int!, $to: Int!) { consistencyProof(from: $from, to: $to) { old new path } }"
KEYS = "{ checkpointKeys { name id key } }"


async def entries(client: Client, account: str) -> list[Json]:
    edges = (await client.ask(ENTRIES, id=account))["node"]["activity"]["edges"]
    return [edge["node"] for edge in edges][::-1]


async def keys(client: Client) -> list[str]:
    return [found["key"] for found in (await client.ask(KEYS))["checkpointKeys"]]


async def checked(what: str, folder: Path, answer: Json, by: list[str]) -> tuple[int, str]:
    file = folder / "answer.json"
    await asyncio.to_thread(file.write_text, json.dumps(answer))
    return await asyncio.to_thread(check, what, file, by)


async def test_the_answer_is_a_receipt(site: Site, tmp_path: Path) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        assert [entry["proof"] for entry in await entries(ann, account)] == [None, None], "nothing is signed yet"
        await site.world.seal()
        await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
        answer = await ann.answer(ENTRIES, id=account)
        found = await entries(ann, account)
        assert [entry["proof"] is None for entry in found] == [False, False, True]
        leaf = json.loads(found[1]["proof"]["leaf"])
        assert (leaf["type"], leaf["sequence"], len(leaf["transfers"])) == ("DEPOSIT", 2, 3)
        assert leaf["transfers"][0][2] == "100.00000000"
        code, said = await checked("receipt", tmp_path, answer, await keys(ann))
        assert (code, said.count("TRUE: ")) == (0, 2), said


async def test_a_checkpoint_goes_on_from_another(site: Site, tmp_path: Path) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        old = await site.world.seal()
        await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
        new = await site.world.seal()
        answer = await ann.answer(CONSISTENCY, **{"from": old, "to": new})
        code, said = await checked("consistency", tmp_path, answer, await keys(ann))
        assert code == 0, said
        proof = answer["data"]["consistencyProof"]
        page = (await ann.ask(CHECKPOINTS, first=1))["checkpoints"]
        assert (page["edges"][0]["node"]["note"], page["pageInfo"]["hasNextPage"]) == (proof["new"], True)
        rest = (await ann.ask(CHECKPOINTS, first=10, after=page["edges"][0]["cursor"]))["checkpoints"]
        [oldest] = [edge["node"] for edge in rest["edges"]]
        now = site.world.clock.now().isoformat()
        assert (oldest["size"], oldest["madeAt"], oldest["publishedAt"]) == (old, now, now)
        assert (oldest["note"], oldest["rootHash"]) == (proof["old"], proof["old"].split("\n")[2])


async def refused(client: Client, query: str, **variables: Any) -> tuple[str, str]:
    [error] = (await client.answer(query, **variables))["errors"]
    return error["extensions"]["code"], error["message"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (1, 2, "No checkpoint of 1 entries was published"),
        (2, 3, "No checkpoint of 3 entries was published"),
        (0, 2, "No checkpoint of 0 entries was published"),
        (-(2**31), 2, "No checkpoint of -2147483648 entries was published"),
        (2, 2**31 - 1, "No checkpoint of 2147483647 entries was published"),
        (3, 2, "give them the other way round"),
    ],
)
async def test_what_is_no_checkpoint_is_said(site: Site, old: int, new: int, why: str) -> None:
    async with site.client() as ann:
        await opened(ann, "100.00")
        assert await site.world.seal() == 2
        before = await site.world.everything()
        code, message = await refused(ann, CONSISTENCY, **{"from": old, "to": new})
        assert code in ("NO_SUCH_CHECKPOINT", "ORDER_INVALID")
        assert why in message
        assert await site.world.everything() == before


async def test_who_sees_what(site: Site) -> None:
    """A customer their own; an operator all; another customer, another tenant and a token for nothing none of it."""
    async with operator(site) as desk, site.client() as ann, site.client() as bob, elsewhere(site, ann) as stranger:
        account = await opened(ann, "100.00")
        await other_tenant(site)
        await site.world.seal()
        entry = (await entries(ann, account))[1]
        assert (await ann.ask(ENTRY, id=entry["id"]))["node"]["proof"] == entry["proof"]
        assert (await desk.ask(ENTRY, id=entry["id"]))["node"]["proof"] == entry["proof"]
        for client in (bob, stranger):
            assert (await client.ask(ENTRY, id=entry["id"]))["node"] is None
            assert (await client.ask(ENTRIES, id=account))["node"] is None
        assert len((await bob.ask(CHECKPOINTS, first=1))["checkpoints"]["edges"]) == 1
        assert (await stranger.ask(CHECKPOINTS, first=1))["checkpoints"]["edges"] == []
        assert await keys(bob) == await keys(ann) != await keys(stranger)
        async with site.client(ann.user_id, scopes=[]) as scopeless:
            for query in (CHECKPOINTS.replace("$first: Int, $after", "$after").replace("$first", "1"), KEYS):
                assert (await refused(scopeless, query))[0] == "FORBIDDEN"
            assert (await refused(scopeless, CONSISTENCY, **{"from": 2, "to": 2}))[0] == "FORBIDDEN"


async def test_the_houses_entries_are_the_operators(site: Site) -> None:
    async with operator(site) as desk, site.client() as ann:
        account = await opened(ann, "100.00")
        await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
        await site.world.pass_time(200)
        await site.world.seal()
        row = await site.world.pool.fetchrow(
            "SELECT journal_id, position FROM ledger.event WHERE type = 'MARKET_ORDER_CREATED'"
        )
        assert row is not None
        id_ = encode_id("JournalEntry", f"{row['journal_id']}.{row['position']}")
        assert (await desk.ask(ENTRY, id=id_))["node"]["proof"]["index"] == row["position"] - 1
        assert (await ann.ask(ENTRY, id=id_))["node"] is None


async def test_a_proof_is_denied_even_to_who_came_by_the_entry() -> None:
    """The entry is another's: no loader for proofs is there to be asked."""
    opened_at = datetime(2026, 11, 25, tzinfo=UTC)
    event = Event(1, 1, 5, 1, EventType.DEPOSIT, 1, "test", None, None, opened_at, opened_at, Lateness.ON_TIME, {})
    anns = Account(new_id(), UUID(int=1), UUID(int=2), "Rainy days", AccountStatus.ACTIVE, 1, 5, opened_at)

    async def account_by_book(book: int) -> Account:
        assert book == 5
        return anns

    bob = Principal(UUID(int=1), UUID(int=3), frozenset({Role.INVESTOR}), frozenset(Scope), opened_at)
    context: Any = SimpleNamespace(
        principal=bob, loaders=SimpleNamespace(account_by_book=SimpleNamespace(load=account_by_book))
    )
    assert await entry_proof(context, event) is None


async def test_a_damaged_log_proves_nothing_and_says_so(site: Site, database_url: str) -> None:
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        await site.world.seal()
        entry = (await entries(ann, account))[1]
        async with attacking(database_url) as superuser:
            await superuser.execute("DELETE FROM ledger.event WHERE position = 1")
        code, message = await refused(ann, ENTRY, id=entry["id"])
        assert code == "LOG_DAMAGED"
        assert "there is no entry at position 1" in message


async def test_many_proofs_cost_few_statements(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of entries is proved together."""
    calls = 0

    async def counted(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return await entry_proofs(*arguments)

    monkeypatch.setattr(loaders.Loaders.__dict__["proof"], "_fetch", counted)
    async with site.client() as ann:
        account = await opened(ann, "100.00")
        for _ in range(5):
            await placed(ann, account, "BUY", "AAPL", amount=money("5.00"))
        await site.world.seal()
        assert len([entry for entry in await entries(ann, account) if entry["proof"]]) == 7
        assert calls == 1
