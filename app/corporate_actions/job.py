"""Looks for actions that are due on the market's clock, in any process, and carries them out step by step."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from app.corporate_actions.carry_out import CarryOut, carry_out
from app.infra.database import EnginePool
from app.ledger.writers import Writers
from app.market.market import Market
from app.orders.run import CHUNK

log = structlog.get_logger(__name__)

LOOK_AGAIN: Final = timedelta(seconds=1)


async def carry_out_due(pool: EnginePool, writers: Writers, market: Market) -> None:
    """Do all that can be done now. What fails is raised at the end, and holds up no other action."""
    rows = await pool.fetch(_DUE, market.clock.now(), market.today())
    if not rows:
        return
    await writers.all()
    done = await asyncio.gather(
        *(_carry_out(writers, market, row["journal_id"], row["ids"]) for row in rows), return_exceptions=True
    )
    failures = [each for each in done if isinstance(each, Exception)]
    if failures:
        raise ExceptionGroup("not every corporate action could be carried out", failures)


async def _carry_out(writers: Writers, market: Market, journal_id: int, actions: Sequence[UUID]) -> None:
    writer = writers.of_journal(journal_id)
    failures = []
    for action_id in actions:
        try:
            while await writer.submit(carry_out, CarryOut(action_id, market.today()), weight=CHUNK):
                pass
        except Exception as error:  # noqa: BLE001 - one action that can't go on must not hold up the others
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"corporate actions of journal {journal_id}", failures)


async def run(pool: EnginePool, writers: Writers, market: Market) -> None:
    """Carry out what falls due, until cancelled. A failure is logged and tried again."""
    while True:
        try:
            await carry_out_due(pool, writers, market)
        except Exception:
            log.exception("corporate actions could not be carried out")
        await asyncio.sleep(LOOK_AGAIN.total_seconds())


_DUE = """
SELECT journal_id, array_agg(id ORDER BY ex_date, id) AS ids FROM corporate_action
WHERE status NOT IN ('COMPLETED', 'CANCELED') AND (status <> 'ANNOUNCED' OR begins_at <= $1)
  AND (status <> 'ACCRUED' OR pay_date <= $2)
GROUP BY journal_id
"""
