"""Opening journals and books."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.infra.database import EngineConnection
from app.kernel.ids import new_id
from app.ledger.chart import BookKind
from app.ledger.types import Journal

_FIND = """
SELECT j.id, j.tenant_id,
       (SELECT id FROM ledger.book WHERE journal_id = j.id AND kind = 'house') AS house,
       (SELECT id FROM ledger.book WHERE journal_id = j.id AND kind = 'outside') AS outside
FROM ledger.journal j
"""


async def open_tenant(connection: EngineConnection, name: str, at: datetime) -> Journal:
    """A new tenant with its journal, the house's book and the outside world's."""
    tenant_id = new_id()
    await connection.execute(
        "INSERT INTO public.tenant (id, name, created_at) VALUES ($1, $2, $3)", tenant_id, name, at
    )
    await connection.fetchval("SELECT ledger.open_journal($1, 'main')", tenant_id)
    return await journal_of(connection, tenant_id)


async def journals(connection: EngineConnection) -> list[Journal]:
    """Every tenant's journal."""
    return [Journal(**row) for row in await connection.fetch(_FIND + " ORDER BY j.id")]


async def journal_of(connection: EngineConnection, tenant_id: UUID) -> Journal:
    """The journal of one tenant. Raises ``LookupError`` for a tenant that has none."""
    row = await connection.fetchrow(_FIND + " WHERE j.tenant_id = $1", tenant_id)
    if row is None:
        raise LookupError(f"there is no journal of tenant {tenant_id}")
    return Journal(**row)


async def tenant_named(connection: EngineConnection, name: str) -> UUID | None:
    """The tenant of that name, if there is one."""
    found: UUID | None = await connection.fetchval("SELECT id FROM public.tenant WHERE name = $1", name)
    return found


async def open_books(
    connection: EngineConnection, journal_id: int, kind: BookKind, references: Sequence[UUID]
) -> list[int]:
    """A new book for each reference (an account's or a market order's id), in order."""
    made: list[int] = await connection.fetchval(
        "SELECT ledger.open_books($1, $2, $3)", journal_id, kind.value, references
    )
    return made


async def close_book(connection: EngineConnection, journal_id: int, book: int) -> bool:
    """Close a customer's book for good. False, and nothing changes, when something is left in it."""
    return await connection.fetchval("SELECT ledger.close_book($1, $2)", journal_id, book) is True
