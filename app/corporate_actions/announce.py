"""Announcing an action: from then on it is known when trading halts for it, and it takes effect by itself."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.corporate_actions.check import Announce, check, dates_of
from app.corporate_actions.errors import AnnounceError
from app.corporate_actions.halt import halt
from app.corporate_actions.story import told
from app.corporate_actions.types import ActionKind, ActionStatus, CorporateAction, Progress
from app.kernel.errors import Refusal
from app.kernel.events import EventType
from app.kernel.ids import new_id
from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.market.splits import announce_split, announced_splits

SPLITS = (ActionKind.SPLIT, ActionKind.REVERSE_SPLIT)


async def announce(batch: Batch, commands: Sequence[Announce]) -> list[UUID | Refusal]:
    """Announce each; answers their ids."""
    return [await _announce(batch, command) for command in commands]


async def _announce(batch: Batch, command: Announce) -> UUID | Refusal:
    refusal = check(command, batch.effective_at) or await _overlap(batch, command) or await _shared(batch, command)
    if refusal is not None:
        return refusal
    action = _action(batch, command)
    await batch.connection.execute(_INSERT, *_row(batch, action))
    await batch.post_facts([told(batch, action, EventType.CORPORATE_ACTION_ANNOUNCED, command.actor)])
    if action.changes_terms:
        await halt(batch, action, action.begins_at)
    if command.simulated and action.kind in SPLITS:
        terms = action.terms
        await announce_split(
            batch.connection, action.instrument_id, action.effective_at, terms.new_shares, terms.old_shares
        )
    return action.id


def _action(batch: Batch, command: Announce) -> CorporateAction:
    dates = dates_of(command)
    return CorporateAction(
        id=new_id(),
        kind=command.kind,
        instrument_id=command.instrument.id,
        into_id=None if command.into is None else command.into.id,
        status=ActionStatus.ANNOUNCED,
        terms=command.terms,
        ex_date=command.ex_date,
        record_date=dates.record_date,
        pay_date=command.pay_date,
        begins_at=dates.begins_at,
        effective_at=dates.effective_at,
        begun_at=None,
        progress=Progress(),
        reason=command.reason.strip(),
        announced_by=command.actor,
        announced_at=batch.recorded_at,
    )


async def _overlap(batch: Batch, command: Announce) -> Refusal | None:
    """Two actions on one day would depend on their order; after a merger there is nothing left to act on."""
    ids = [each.id for each in (command.instrument, command.into) if each is not None]
    row = await batch.connection.fetchrow(
        _OVERLAP, batch.journal.id, ids, command.ex_date, command.instrument.id, command.kind is ActionKind.MERGER
    )
    if row is None:
        return None
    message = f"There is a {row['kind']} of {row['ex_date']} already that stands against it; cancel that one first."
    return Refusal(AnnounceError.ALREADY_ANNOUNCED, message, "exDate")


async def _shared(batch: Batch, command: Announce) -> Refusal | None:
    """In the simulated market a split changes everybody's prices, so one tenant can't announce it for the others."""
    if not command.simulated or command.kind not in SPLITS:
        return None
    at = dates_of(command).effective_at
    found = await announced_splits(batch.connection, command.instrument.id, at)
    terms: list[tuple[Decimal, Decimal]] = [
        (to_decimal(command.terms.new_shares), to_decimal(command.terms.old_shares))
    ]
    if list(found) == terms:
        return None
    if found:
        new, old = found[0]
        message = f"The market splits it {new.normalize():f} for {old.normalize():f} then; announce the same terms."
        return Refusal(AnnounceError.TERMS_INVALID, message, "newShares")
    if not await batch.connection.fetchval("SELECT count(*) > 1 FROM tenant"):
        return None
    message = (
        "The simulated market is shared with other tenants, whose prices a split would change too; "
        "have whoever runs it add the split with `wealthgraph split` first."
    )
    return Refusal(AnnounceError.MARKET_SHARED, message, "symbol")


def _row(batch: Batch, action: CorporateAction) -> tuple[Any, ...]:
    terms = action.terms
    return (
        action.id,
        batch.journal.tenant_id,
        batch.journal.id,
        action.kind.value,
        action.instrument_id,
        action.into_id,
        action.status.value,
        *(
            to_decimal(each) if each else None
            for each in (terms.new_shares, terms.old_shares, terms.cash_per_share, terms.price)
        ),
        terms.fractions.value,
        action.ex_date,
        action.record_date,
        action.pay_date,
        action.begins_at,
        action.effective_at,
        action.reason,
        action.announced_by,
        action.announced_at,
    )


_INSERT = """
INSERT INTO corporate_action (id, tenant_id, journal_id, kind, instrument_id, into_id, status, new_shares, old_shares,
  cash_per_share, price, fractions, ex_date, record_date, pay_date, begins_at, effective_at, reason, announced_by,
  announced_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
"""

#: On the same day, or past the end of an instrument, or (of a merger, $4 its target) before what is announced already.
_OVERLAP = """
SELECT kind, ex_date FROM corporate_action
WHERE journal_id = $1 AND status <> 'CANCELED' AND (
  (ex_date = $3 AND (instrument_id = ANY ($2) OR into_id = ANY ($2)))
  OR (kind = 'MERGER' AND instrument_id = ANY ($2) AND ex_date < $3)
  OR ($5::boolean AND $4 IN (instrument_id, into_id) AND ex_date > $3))
LIMIT 1
"""
