"""Carrying out an action: the next step of it, as often as one likes, by whichever process asks.

ANNOUNCED → CLEARING → APPLYING → COMPLETED for what changes the terms of a share: trading is halted, open orders end,
and when nothing is in flight any more the new terms are applied. ANNOUNCED → ACCRUING → ACCRUED → PAYING → COMPLETED
for a dividend, which waits for what was dealt before its ex-date. A step is one commit of at most a thousand accounts,
and the action's row says how far it came; so what a crash leaves any process finishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.corporate_actions.dividend import accrue, begin_to_pay, is_payable, pay
from app.corporate_actions.halt import keep_halted
from app.corporate_actions.merger import apply_merger
from app.corporate_actions.record import set_status
from app.corporate_actions.rows import action_from
from app.corporate_actions.split import apply_split
from app.corporate_actions.story import told
from app.corporate_actions.types import ActionKind, ActionStatus, CorporateAction, Stage
from app.kernel.events import EventType
from app.ledger.batch import Batch
from app.orders.clear import end_orders, is_clear, is_settled, is_shared_out
from app.orders.old_terms import change_terms


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Do the next step of an action, if one is due; ``today`` is the market's day."""

    action_id: UUID
    today: date


async def carry_out(batch: Batch, commands: Sequence[CarryOut]) -> list[bool]:
    """Whether the next step of each was done: then ask again, there may be more."""
    return [await _step(batch, command) for command in commands]


async def _step(batch: Batch, command: CarryOut) -> bool:
    row = await batch.connection.fetchrow(
        "SELECT * FROM corporate_action WHERE journal_id = $1 AND id = $2", batch.journal.id, command.action_id
    )
    if row is None:
        return False
    action = action_from(row)
    match action.status:
        case ActionStatus.ANNOUNCED:
            return await _begin(batch, action)
        case ActionStatus.CLEARING:
            return await _clear(batch, action)
        case ActionStatus.APPLYING:
            await keep_halted(batch, action)
            await (apply_merger if action.kind is ActionKind.MERGER else apply_split)(batch, action)
        case ActionStatus.ACCRUING:
            await accrue(batch, action)
        case ActionStatus.ACCRUED:
            if not is_payable(action, command.today):
                return False
            await begin_to_pay(batch, action)
        case ActionStatus.PAYING:
            await pay(batch, action)
        case _:
            return False
    return True


async def _begin(batch: Batch, action: CorporateAction) -> bool:
    if batch.effective_at < action.begins_at:
        return False
    if action.changes_terms:
        await set_status(batch, action, ActionStatus.CLEARING)
    else:
        if await _waits(batch, action) or not await is_shared_out(batch, action.instrument_id, action.ex_date):
            return False
        await set_status(batch, action, ActionStatus.ACCRUING, Stage.HOLDERS, begins=True)
    await batch.post_facts([told(batch, action, EventType.CORPORATE_ACTION_BEGUN)])
    return True


async def _clear(batch: Batch, action: CorporateAction) -> bool:
    """End what is open; apply once nothing is in flight (of a merger: nor unsettled) and the time has come."""
    await keep_halted(batch, action)
    ended = await end_orders(batch, action.instrument_id, _REASONS[action.kind])
    if ended:
        return True
    merger = action.kind is ActionKind.MERGER
    if (
        batch.effective_at < action.effective_at
        or not await is_clear(batch, action.instrument_id)
        or await _waits(batch, action)
        or (merger and not await is_settled(batch, action.instrument_id))
    ):
        return False
    await change_terms(batch, action.instrument_id, action.id)
    await set_status(batch, action, ActionStatus.APPLYING, Stage.HOLDERS if merger else Stage.TRADES, begins=True)
    return True


async def _waits(batch: Batch, action: CorporateAction) -> bool:
    """Whether an earlier action on the same shares has to decide first who has how many."""
    ids = [id_ for id_ in (action.instrument_id, action.into_id) if id_ is not None]
    found: bool = await batch.connection.fetchval(_EARLIER, batch.journal.id, ids, action.ex_date)
    return found


_REASONS = {
    ActionKind.SPLIT: "the shares are split",
    ActionKind.REVERSE_SPLIT: "the shares are combined in a reverse split",
    ActionKind.MERGER: "the company is taken over",
}

_EARLIER = """
SELECT EXISTS (SELECT 1 FROM corporate_action
  WHERE journal_id = $1 AND (instrument_id = ANY ($2) OR into_id = ANY ($2)) AND ex_date < $3
    AND status IN ('ANNOUNCED', 'CLEARING', 'APPLYING', 'ACCRUING'))
"""
