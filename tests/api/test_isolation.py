"""What the database itself holds its roles to: one tenant at a time, nothing written past the ledger's one door."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from app.accounting.business_days import ends_at
from app.accounting.close_day import CloseDay, close_days
from app.accounting.propose import ProposeJournal, propose_journals
from app.accounting.types import Line
from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.corporate_actions.types import ActionKind
from app.infra.database import API_ROLE, ENGINE_ROLE, EngineConnection
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.ledger.audit import prove
from app.ledger.batch import Batch
from app.ledger.books import open_tenant
from app.ledger.chart import USD, Kind
from app.ledger.types import Entry
from app.market.types import InstrumentKind, Side
from app.orders.stop import set_rules
from app.proof.nodes import BLOCK
from app.risk.cash_account import SoldPart
from app.risk.check import SetRule
from app.risk.types import RuleKind, Scope
from app.risk.violations import record_violations
from tests.accounting.keeping import Keeping
from tests.api.operations import money, opened, placed
from tests.api.site import Client, Site, serving
from tests.corporate_actions.company import Company, terms
from tests.corporate_actions.test_dividend import PAID_ON
from tests.world import World, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TENANTS_TABLES = """
SELECT c.oid::regclass::text AS name, a.attname AS key, c.relrowsecurity AND c.relforcerowsecurity AS isolated,
       c.relispartition AS partition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND a.attname IN ('tenant_id', 'journal_id')
ORDER BY 1, 2
"""
_ALL_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
#: The API has no business with it, so it may not even read its own tenant's rows.
UNREADABLE = "ledger.idempotency"
APPEND_ONLY = [
    "ledger.block",
    "ledger.checkpoint",
    "ledger.event",
    "ledger.event_1_0",
    "ledger.publication",
    "ledger.snapshot",
    "ledger.transfer",
    "ledger.transfer_2_0",
    "ledger.tree_node",
]


@dataclass(frozen=True)
class Two:
    """A database with two tenants in which the same has happened."""

    superuser: EngineConnection
    url: str
    tenants: dict[UUID, int]

    @asynccontextmanager
    async def acting(self, role: str, tenant: UUID | None = None) -> AsyncIterator[EngineConnection]:
        """A connection of that role, in a transaction that names the tenant."""
        connection = await asyncpg.connect(self.url, server_settings={"role": role})
        try:
            async with connection.transaction():
                if tenant is not None:
                    await connection.execute("SELECT set_config('app.tenant', $1, true)", str(tenant))
                yield connection
        finally:
            await connection.close()

    async def tables(self) -> list[tuple[str, str]]:
        """Every table with rows of a tenant, and the column that says whose."""
        rows = await self.superuser.fetch(_TENANTS_TABLES)
        found = [(row["name"], row["key"]) for row in rows if row["name"] != UNREADABLE and not row["partition"]]
        assert len(found) > 19
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(shared_url: str) -> AsyncIterator[Two]:
    tenants = {}
    for _ in range(2):
        async with running(shared_url) as world:
            await busy(world)
            tenants[world.commits.journal.tenant_id] = world.commits.journal.id
    connection = await asyncpg.connect(shared_url)
    await connection.execute(_RARELY_FILLED)
    yield Two(connection, shared_url, tenants)
    await connection.close()


#: Rows for tables that only hold some for a moment, or on a bad day.
_RARELY_FILLED = """
INSERT INTO allocation_run SELECT id, tenant_id, 1, 1, 'OPEN', NULL, NULL, 0, NULL FROM market_order;
INSERT INTO ledger.snapshot SELECT journal_id, id, 1, sequence, balance FROM ledger.account;
INSERT INTO dividend_entitlement SELECT id, 1, tenant_id, 1, 1 FROM corporate_action;
INSERT INTO terms_change SELECT journal_id, instrument_id, announced_at, tenant_id, id FROM corporate_action
"""


async def busy(world: World) -> None:
    """Rows in every table: a buy, a sale of it all, a violation, a rule, a case and a dividend."""
    ann = await world.investor(1_000)
    await world.place(ann, Side.BUY, "AAPL", amount="100.00")
    await world.pass_time(200)
    await world.place(ann, Side.SELL, "AAPL", everything=True)
    await world.pass_time(200)
    await Company(world).announce(ActionKind.DIVIDEND, terms(cash="1"), pay_date=PAID_ON)
    await world.commits.submit(set_rules, SetRule(RuleKind.HALTED, "A test", "test", scope=Scope(None, 2)))
    subject = Subject(SubjectType.ACCOUNT, ann.id)
    await world.commits.submit(open_cases, OpenCase(CaseKind.VENUE_ORDER_UNCLEAR, subject, "A test", "test"))

    await keep_books(world)

    async def violate(batch: Batch, commands: Sequence[SoldPart]) -> list[UUID]:
        return await record_violations(batch, commands)

    today = world.market.today()
    part = SoldPart(ann.id, ann.book_id, InstrumentKind.EQUITY, new_id(), new_id(), today, 0, None, unpaid=1)
    await world.commits.submit(violate, part)
    await seal_two_blocks(world)
    async with world.pool.acquire() as connection:
        await prove(connection, world.commits.journal, world.clock)


async def keep_books(world: World) -> None:
    """A close, a journal by hand and a reconciliation."""
    lines = [Line(Kind.CASH, Kind.FIRM_BANK, USD, UNIT)]
    await world.commits.submit(propose_journals, ProposeJournal(lines, "A test", "test"))
    keeping = Keeping(world)
    await keeping.reconcile()
    day = world.market.today()
    await world.commits.submit(close_days, CloseDay(day, ends_at(day), await keeping.books()))


async def seal_two_blocks(world: World) -> None:
    """Rows in the tables of the tree, too: the node over two blocks is the first that is stored."""

    async def post_many(batch: Batch, commands: Sequence[int]) -> list[int]:
        event = NewEvent(batch.journal.house, EventType.HOUSE_FUNDED, "test", batch.effective_at)
        await batch.post_facts([Entry(event)] * 2 * BLOCK)
        return list(commands)

    await world.commits.submit(post_many, 1)
    await world.seal()


async def test_every_table_of_a_tenants_rows_is_isolated_its_owner_too(two: Two) -> None:
    rows = await two.superuser.fetch(_TENANTS_TABLES)
    assert [row["name"] for row in rows if not row["isolated"]] == []
    assert {row["name"] for row in rows} >= {"ledger.transfer", "ledger.event", "customer_order", UNREADABLE}


async def test_the_policies_of_the_api_are_for_reading_only(two: Two) -> None:
    query = "SELECT tablename, cmd FROM pg_policies WHERE $1 = ANY (roles) OR 'public' = ANY (roles)"
    policies = await two.superuser.fetch(query, API_ROLE)
    assert {row["cmd"] for row in policies} == {"SELECT"}


async def test_a_tenant_sees_all_of_its_rows_and_nobody_elses(two: Two) -> None:
    for tenant, journal in two.tenants.items():
        async with two.acting(API_ROLE, tenant) as api:
            for table, key in await two.tables():
                own = tenant if key == "tenant_id" else journal
                seen = await api.fetch(f"SELECT {key} AS key, count(*) AS rows FROM {table} GROUP BY 1")
                there = await two.superuser.fetchval(f"SELECT count(*) FROM {table} WHERE {key} = $1", own)
                assert [(row["key"], row["rows"]) for row in seen] == [(own, there)], table
            assert [row["id"] for row in await api.fetch("SELECT id FROM tenant")] == [tenant]


@pytest.mark.parametrize("named", [None, "", "nobody"])
async def test_without_a_tenant_there_is_nothing_to_see(two: Two, named: str | None) -> None:
    async with two.acting(API_ROLE, new_id() if named == "nobody" else None) as api:
        if named == "":
            await api.execute("SELECT set_config('app.tenant', '', true)")
        for table, _ in await two.tables():
            assert await api.fetchval(f"SELECT count(*) FROM {table}") == 0, table
        assert await api.fetchval("SELECT count(*) FROM tenant") == 0


async def test_a_tenant_is_named_for_one_transaction_only(two: Two) -> None:
    tenant = next(iter(two.tenants))
    connection = await asyncpg.connect(two.url, server_settings={"role": API_ROLE})
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', $1, true)", str(tenant))
            assert await connection.fetchval("SELECT count(*) FROM account") == 1
        assert await connection.fetchval("SELECT count(*) FROM account") == 0
    finally:
        await connection.close()


async def test_the_api_may_write_nothing(two: Two) -> None:
    tables = [row[0] for row in await two.superuser.fetch(_ALL_TABLES)]
    writable = [
        (table, privilege)
        for table in tables
        for privilege in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
        if await two.superuser.fetchval("SELECT has_table_privilege($1, $2, $3)", API_ROLE, table, privilege)
    ]
    assert writable == []
    by_column = "SELECT has_any_column_privilege($1, $2, 'INSERT, UPDATE, REFERENCES')"
    assert [table for table in tables if await two.superuser.fetchval(by_column, API_ROLE, table)] == []
    creating = "SELECT nspname FROM pg_namespace WHERE has_schema_privilege($1, oid, 'CREATE')"
    assert await two.superuser.fetch(creating, API_ROLE) == []
    calling = """
        SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('public', 'ledger', 'paper') AND has_function_privilege($1, p.oid, 'EXECUTE')
          AND (p.provolatile = 'v' OR p.prosecdef)
    """
    assert await two.superuser.fetch(calling, API_ROLE) == []
    assert await two.superuser.fetchval("SELECT has_table_privilege($1, $2, 'SELECT')", API_ROLE, UNREADABLE) is False


async def test_the_api_is_stopped_when_it_tries(two: Two) -> None:
    for statement in (
        "INSERT INTO customer_order DEFAULT VALUES",
        "UPDATE account SET status = 'CLOSED'",
        "DELETE FROM ledger.transfer",
        "UPDATE ledger.account SET balance = 1000000",
        "SELECT ledger.lock_journal(1)",
        "SELECT * FROM ledger.idempotency",
        "TRUNCATE allocation",
        "INSERT INTO risk_rule DEFAULT VALUES",
        "UPDATE ops_case SET status = 'RESOLVED'",
        "UPDATE manual_journal SET status = 'REJECTED'",
        "SELECT * FROM paper.custody_movement",
    ):
        async with two.acting(API_ROLE, next(iter(two.tenants))) as api:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await api.execute(statement)


async def test_the_engine_writes_the_ledger_through_its_functions_only(two: Two) -> None:
    rows = await two.superuser.fetch(
        "SELECT c.oid::regclass::text AS name, p AS privilege FROM pg_class c,"
        " unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p"
        " WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND has_table_privilege($1, c.oid, p) ORDER BY 1, 2",
        ENGINE_ROLE,
    )
    assert rows == []
    for statement in (
        "INSERT INTO ledger.idempotency DEFAULT VALUES",
        "DELETE FROM ledger.idempotency",
        "SELECT ledger.add_partition(1)",
        "UPDATE ledger.audit SET proven = 10",
        "UPDATE ledger.event SET actor = 'nobody'",
        "DELETE FROM ledger.event",
        "UPDATE ledger.transfer SET amount = 1",
        "DELETE FROM ledger.transfer",
        "UPDATE ledger.account SET balance = 0",
        "DELETE FROM customer_order",
    ):
        async with two.acting(ENGINE_ROLE) as engine:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await engine.execute(statement)


async def test_append_only_triggers_fire_always(two: Two) -> None:
    rows = await two.superuser.fetch(
        "SELECT tgrelid::regclass::text AS name, tgname, tgenabled FROM pg_trigger"
        " WHERE tgrelid = ANY ($1::text[]::regclass[]) AND NOT tgisinternal ORDER BY 1, 2",
        APPEND_ONLY,
    )
    assert [tuple(row) for row in rows] == [
        (table, name, b"A") for table in APPEND_ONLY for name in ("append_only", "append_only_truncate")
    ]


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("replication", ["origin", "replica"])
async def test_history_can_be_changed_by_nobody(two: Two, table: str, replication: str) -> None:
    before = await two.superuser.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
    assert before
    update = f"UPDATE {table} SET journal_id = journal_id"
    for statement in (update, f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        connection = await asyncpg.connect(two.url)
        try:
            await connection.execute(f"SET session_replication_role = {replication}")
            with pytest.raises(asyncpg.RestrictViolationError, match="is append-only: post a correction instead"):
                await connection.execute(statement)
        finally:
            await connection.close()
    assert await two.superuser.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3") == before


async def test_the_same_user_of_another_tenant_sees_nothing_of_it_over_the_api(two: Two) -> None:
    """Tenants are other worlds, even if their users happen to have the same id."""
    async with serving(two.url) as site, site.client() as ann:
        account = await opened(ann, "100.00")
        order = await placed(ann, account, "BUY", "AAPL", amount=money("10.00"))
        async with elsewhere(site, ann) as other:
            data = await other.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[account, order])
            assert data["nodes"] == [None, None]
            data = await other.ask("{ viewer { accounts(first: 10) { edges { node { id } } } } }")
            assert data["viewer"]["accounts"]["edges"] == []


@asynccontextmanager
async def elsewhere(site: Site, client: Client) -> AsyncIterator[Client]:
    """The same user id in another tenant."""
    async with site.world.pool.acquire() as connection:
        journal = await open_tenant(connection, f"tenant {new_id()}", site.world.clock.now())
    async with site.client(client.user_id, tenant_id=journal.tenant_id) as other:
        yield other
