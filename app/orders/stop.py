"""A kill switch is pulled: from this commit on nothing is accepted within its scope, and what is open there ends."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.infra.database import EngineConnection, EnginePool
from app.kernel.errors import Refusal
from app.ledger.batch import Batch
from app.orders.cancel import CancelOrder, cancel
from app.orders.progress import ENGINE
from app.orders.run import CHUNK
from app.risk.check import SetRule
from app.risk.rules import switches_in_force
from app.risk.set import add_rules
from app.risk.types import RuleKind, Scope

_REASON = "stopped by a kill switch"


async def set_rules(batch: Batch, commands: Sequence[SetRule]) -> list[UUID | Refusal]:
    """Set rules. Of a kill switch's scope a thousand open orders end in the same commit, the rest right after it.

    An order with a venue ends as soon as the venue lets go of what is not filled.
    """
    answers: list[UUID | Refusal] = []
    for rule, command in zip(await add_rules(batch, commands), commands, strict=True):
        if isinstance(rule, Refusal):
            answers.append(rule)
            continue
        assert rule.id is not None, "what is set has an id"
        answers.append(rule.id)
        if rule.kind is RuleKind.KILL_SWITCH and rule.effective_from == batch.effective_at:
            found = await _open(batch.connection, batch.journal.tenant_id, rule.scope)
            await cancel(batch, [_stopped(id_, command.actor) for id_, _ in found])
    return answers


async def stopped_orders(pool: EnginePool, market_now: datetime) -> list[tuple[int, CancelOrder]]:
    """Open orders that a kill switch in force should have ended, with their journals."""
    async with pool.acquire() as connection:
        return [
            (journal_id, _stopped(id_, ENGINE))
            for tenant_id, scope in await switches_in_force(connection, market_now)
            for id_, journal_id in await _open(connection, tenant_id, scope)
        ]


def _stopped(order_id: UUID, actor: str) -> CancelOrder:
    return CancelOrder(order_id, actor, _REASON, instead_of_replacing=True)


async def _open(connection: EngineConnection, tenant_id: UUID, scope: Scope) -> list[tuple[UUID, int]]:
    rows = await connection.fetch(
        "SELECT id, journal_id FROM customer_order WHERE tenant_id = $1 AND ended_at IS NULL"
        " AND (ends_as IS NULL OR ends_as = 'REPLACED')"
        " AND ($2::uuid IS NULL OR account_id = $2) AND ($3::int IS NULL OR instrument_id = $3) LIMIT $4",
        tenant_id,
        scope.account_id,
        scope.instrument_id,
        CHUNK,
    )
    return [(row["id"], row["journal_id"]) for row in rows]
