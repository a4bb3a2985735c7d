"""Canceling an action before it begins: then nothing of it ever happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.corporate_actions.announce import SPLITS
from app.corporate_actions.check import MAX_REASON
from app.corporate_actions.errors import CancelActionError
from app.corporate_actions.halt import resume
from app.corporate_actions.rows import action_from
from app.corporate_actions.story import told
from app.corporate_actions.types import ActionStatus, CorporateAction
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.texts import is_text
from app.ledger.batch import Batch
from app.market.splits import withdraw_split


@dataclass(frozen=True, slots=True)
class CancelAction:
    """An action of this tenant shall not happen. ``simulated`` says that the market is ours."""

    action_id: UUID
    reason: str
    actor: str
    simulated: bool = True


async def cancel_actions(batch: Batch, commands: Sequence[CancelAction]) -> list[UUID | Refusal]:
    """Cancel each; answers their ids."""
    return [await _cancel(batch, command) for command in commands]


async def _cancel(batch: Batch, command: CancelAction) -> UUID | Refusal:
    row = await batch.connection.fetchrow(
        "SELECT * FROM corporate_action WHERE tenant_id = $1 AND id = $2", batch.journal.tenant_id, command.action_id
    )
    assert row is not None, "whoever cancels has seen it"
    action = action_from(row)
    moves_prices = command.simulated and action.kind in SPLITS
    refusal = _refusal(action, command, begun=action.begins_at <= batch.effective_at)
    if refusal is None and moves_prices and await batch.connection.fetchval("SELECT count(*) > 1 FROM tenant"):
        message = "The simulated market is shared with other tenants and splits it anyhow; have whoever runs it decide."
        refusal = Refusal(CancelActionError.MARKET_SHARED, message, "actionId")
    if refusal is not None:
        return refusal
    await batch.connection.execute(
        "UPDATE corporate_action SET status = 'CANCELED', canceled_by = $2, canceled_at = $3, cancel_reason = $4"
        " WHERE id = $1",
        *(action.id, command.actor, batch.recorded_at, command.reason.strip()),
    )
    await batch.post_facts([told(batch, action, EventType.CORPORATE_ACTION_CANCELED, command.actor)])
    await resume(batch, action.halt_rule_id, f"{action.kind} canceled", command.actor)
    if moves_prices:
        await withdraw_split(batch.connection, action.instrument_id, action.effective_at)
    return action.id


def _refusal(action: CorporateAction, command: CancelAction, *, begun: bool) -> Refusal | None:
    if not is_text(command.reason, MAX_REASON):
        message = f"Say why, in 1 to {MAX_REASON} printable characters, got {len(command.reason)}."
        return Refusal(CancelActionError.REASON_INVALID, message, "reason")
    if action.status is ActionStatus.CANCELED:
        return Refusal(CancelActionError.ALREADY_CANCELED, "The action was canceled before.", "actionId")
    if begun or action.status is not ActionStatus.ANNOUNCED:
        message = (
            f"The {action.kind} has begun (at {action.begins_at.isoformat()} on the market's clock, status "
            f"{action.status}); what is posted can only be corrected by another action."
        )
        return Refusal(CancelActionError.ALREADY_BEGUN, message, "actionId")
    return None
