"""Proofs: that an entry is in the log that was signed, and that the log only ever grew."""

from enum import StrEnum

from app.identity.policy import Action, may, require
from app.kernel.errors import Refusal
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf
from app.ledger.types import Journal
from app.proof.log import LogDamaged
from app.proof.note import VerifierKey
from app.proof.prove import prove_consistency
from app.proof.reads import checkpoints, checkpoints_at
from app.proof.types import ConsistencyProof, EntryProof, LogBlock, PublishedCheckpoint
from resolvers.context import Context
from resolvers.journal import account_of


class ProofError(StrEnum):
    """Why there is no proof."""

    NO_SUCH_CHECKPOINT = "NO_SUCH_CHECKPOINT"
    ORDER_INVALID = "ORDER_INVALID"
    LOG_DAMAGED = "LOG_DAMAGED"


async def entry_proof(context: Context, event: Event) -> EntryProof | None:
    """The entry's proof, for whoever may see the entry; None while no checkpoint covers it."""
    if not may(context.principal, Action.VIEW_DESK) and await account_of(context, event) is None:
        return None
    try:
        return await context.loaders.proof.load((event.journal_id, event.position))
    except LogDamaged as damage:
        raise _damaged(damage) from damage


async def block_of(context: Context, event: Event) -> LogBlock | None:
    """The block of the log that holds the entry, for whoever may see the entry; None while it is not full."""
    if not may(context.principal, Action.VIEW_DESK) and await account_of(context, event) is None:
        return None
    return await context.loaders.block.load((event.journal_id, event.position))


async def checkpoints_page(context: Context, asked: PageOf[int]) -> Page[PublishedCheckpoint]:
    """The published checkpoints of the tenant's journal, newest first."""
    journal = await _journal(context)
    async with context.read() as connection:
        return await checkpoints(connection, journal.id, asked)


async def consistency(context: Context, old: int, new: int) -> ConsistencyProof:
    """That the log of the newer checkpoint begins with the older one's. Raises a ``Refusal``."""
    journal = await _journal(context)
    if old > new:
        message = f"from ({old}) must be the smaller size, to ({new}) the larger: give them the other way round."
        raise Refusal(ProofError.ORDER_INVALID, message, "from")
    async with context.read() as connection:
        found = await checkpoints_at(connection, journal.id, [old, new])
        for name, size in (("from", old), ("to", new)):
            if size not in found:
                message = f"No checkpoint of {size} entries was published; take sizes from `checkpoints`."
                raise Refusal(ProofError.NO_SUCH_CHECKPOINT, message, name)
        try:
            return await prove_consistency(connection, found[old], found[new])
        except LogDamaged as damage:
            raise _damaged(damage) from damage


async def keys(context: Context) -> list[VerifierKey]:
    """The public keys of the tenant's checkpoints, the one that signs now first."""
    seals = context.services.seals
    return seals.keys.verifiers(seals.origin(await _journal(context)))


async def _journal(context: Context) -> Journal:
    require(context.principal, Action.VIEW_CHECKPOINTS)
    writer = await context.services.writers.of(context.principal.tenant_id)
    return writer.journal


def _damaged(damage: LogDamaged) -> Refusal:
    message = f"This can't be proved: {damage}. Keep the checkpoints that you have and ask the operator."
    return Refusal(ProofError.LOG_DAMAGED, message)
