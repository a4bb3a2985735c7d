"""The sandbox tenant and the people in it. Ids are derived from names, so a restart finds the same ones."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from app.identity.tokens import LocalKey
from app.infra.database import EngineConnection
from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT
from app.kernel.principal import INVESTORS, Role, Scope
from app.ledger.batch import Batch
from app.ledger.books import open_tenant, tenant_named
from app.ledger.cash_postings import fund_house
from app.ledger.chart import USD, Kind, address
from app.ledger.commit import GroupCommit
from app.ledger.types import Entry

TENANT = "Sandbox"
HOUSE_FUNDS = 1_000_000 * UNIT
TOKEN_LIFETIME = timedelta(hours=12)

_NAMES = UUID("6f1c2d4e-7a0b-5c3d-9e8f-102030405060")
OPERATOR = uuid5(_NAMES, "operator")


def investor(number: int) -> UUID:
    """The user id of the sandbox's n-th investor, from 0."""
    return uuid5(_NAMES, f"investor {number}")


def key(user: UUID, purpose: str) -> UUID:
    """An idempotency key for something that a user of the sandbox does only once."""
    return uuid5(user, purpose)


async def open_sandbox(connection: EngineConnection, at: datetime) -> UUID:
    """The sandbox tenant, opened if need be."""
    found = await tenant_named(connection, TENANT)
    return found or (await open_tenant(connection, TENANT, at)).tenant_id


async def fund(commits: GroupCommit) -> None:
    """Give the house its first money, once."""
    await commits.submit(_fund, HOUSE_FUNDS)


async def _fund(batch: Batch, amounts: Sequence[int]) -> list[None]:
    cash = address(batch.journal.house, USD, Kind.CASH)
    if not await batch.connection.fetchval("SELECT true FROM ledger.account WHERE id = $1", cash):
        event = NewEvent(batch.journal.house, EventType.HOUSE_FUNDED, "demo", batch.effective_at)
        await batch.post_facts([Entry(event, fund_house(batch.journal, amounts[0]))])
    return [None for _ in amounts]


def investor_token(tokens: LocalKey, tenant_id: UUID, user: UUID) -> str:
    """A token with which an investor of the sandbox does everything an investor may."""
    return tokens.issue(tenant_id, user, [Role.INVESTOR], INVESTORS, TOKEN_LIFETIME)


def operator_token(tokens: LocalKey, tenant_id: UUID) -> str:
    """A token with which one sees the whole sandbox, and changes nothing."""
    return tokens.issue(tenant_id, OPERATOR, [Role.OPERATOR], [Scope.READ], TOKEN_LIFETIME)
