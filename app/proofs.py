"""Wiring of proofs: from settings to the keys and the publisher, the alarm of the sealer, and the two commands."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

import asyncpg

from app.accounting.check_closes import closes_contradict
from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.clients.reads import accounts_by_id
from app.infra.database import ENGINE_ROLE, EnginePool, api_engine, reading
from app.kernel.clock import Clock
from app.ledger.archive.check import balances_contradict
from app.ledger.archive.parts import open_store
from app.ledger.books import journals
from app.ledger.types import Journal
from app.ledger.writers import Writers
from app.proof.history import history
from app.proof.keys import key_ring
from app.proof.publisher import FilePublisher
from app.proof.reads import newest_checkpoint
from app.proof.seal import Seals
from app.proof.sealer import Sealer
from app.proof.verify import Verified, verify
from app.settings import Settings
from resolvers.ids import uuid_in

_WHAT_TO_DO: Final = (
    "If the database was restored to an earlier moment, customers may hold receipts for what is gone: restore it to a"
    " later one, or go on under a new PROOF_ORIGIN and say so in public (docs/backup.md, 'After a restore to an"
    " earlier moment'). If the checkpoints or the key are missing, bring them back. Otherwise somebody has changed the"
    " log: keep everything as it is, and run `wealthgraph verify`."
)


def seals_of(settings: Settings) -> Seals:
    """The keys and the publisher that the settings name. Raises ``ValueError`` for a key that is none."""
    given = settings.proof_key.get_secret_value() if settings.proof_key else None
    keys = key_ring(settings.wealthgraph_home, given, settings.proof_retired_keys)
    folder = settings.checkpoints or settings.wealthgraph_home / "checkpoints"
    return Seals(keys, FilePublisher(folder), settings.proof_origin)


def sealer_of(pool: EnginePool, writers: Writers, seals: Seals, clock: Clock) -> Sealer:
    """A sealer whose alarm is an operator's case."""

    async def alarm(journal: Journal, message: str) -> None:
        subject = Subject(SubjectType.TENANT, journal.tenant_id)
        summary = f"The journal contradicts its checkpoints, and no more are signed: {message}. {_WHAT_TO_DO}"
        writer = await writers.of(journal.tenant_id)
        command = OpenCase(CaseKind.LOG_CONTRADICTS_CHECKPOINT, subject, summary, "sealer", {"journal": journal.id})
        await writer.submit(open_cases, command)

    return Sealer(pool, seals, clock=clock, alarm=alarm)


async def verify_all(
    url: str, seals: Seals, tenant: UUID | None, say: Callable[[str], None], archive: str | None = None
) -> bool:
    """Verify one tenant's journal, or everybody's, and report; true if nothing disagrees. ``archive`` is where entries
    are that have left the log.

    Raises ``LookupError`` for an unknown tenant.
    """
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        asked = [each for each in await journals(connection) if tenant in (None, each.tenant_id)]
        if tenant is not None and not asked:
            raise LookupError(f"there is no tenant {tenant}")
        agree, store = True, open_store(archive) if archive else None
        for journal in asked:
            found = await verify(connection, seals, journal, archive=store)
            if store and not found.faults and (wrong := await balances_contradict(connection, store, journal.id)):
                found.faults.append(wrong)
            if changed := await closes_contradict(connection, journal.id):
                found.faults.append(changed)
            for line in _report(journal, found):
                say(line)
            agree = agree and not found.faults
        return agree
    finally:
        await connection.close()


def _report(journal: Journal, found: Verified) -> list[str]:
    what = f"{found.entries:,} entries in {found.blocks:,} full blocks, {found.checkpoints:,} published checkpoints"
    verdict = [f"  DISAGREEMENT: {fault}" for fault in found.faults]
    if found.unread:
        verdict.append(f"  The first {found.unread:,} entries are archived and were not read: name the --archive.")
    if not found.checkpoints and found.entries:
        verdict.append("  No checkpoint is published yet: there is nothing to compare it with.")
    elif not found.faults:
        which = f"From position {found.unread + 1:,} on, the log" if found.unread else "The log"
        verdict.append(f"  {which} is the one that was signed.")
    return [f"Journal {journal.id} of tenant {journal.tenant_id}: {what}.", *verdict]


async def export_history(url: str, account: str, say: Callable[[str], None], archive: str | None = None) -> None:
    """Hand out an account's history line by line; ``archive`` is where entries are that have left the log.

    Raises ``LookupError`` for an account that has none yet, or none that is whole.
    """
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        id_ = uuid_in(account, "Account")
        tenant = await connection.fetchval("SELECT tenant_id FROM account WHERE id = $1", id_)
    finally:
        await connection.close()
    if tenant is None:
        raise LookupError(f"there is no account {account}")
    engine = api_engine(url, 1)
    try:
        async with reading(engine, tenant) as read:
            found = (await accounts_by_id(read, [id_]))[id_]
            newest = await newest_checkpoint(read, found.journal_id)
            if newest is None:
                raise LookupError("no checkpoint was published yet: wait a minute")
            store = open_store(archive) if archive else None
            async for line in history(read, newest, id_, found.book_id, store):
                say(line)
    finally:
        await engine.dispose()


async def public_keys(url: str, seals: Seals) -> list[str]:
    """The keys with which each journal's checkpoints are verified."""
    connection = await asyncpg.connect(url, server_settings={"role": ENGINE_ROLE})
    try:
        return [
            str(key) for journal in await journals(connection) for key in seals.keys.verifiers(seals.origin(journal))
        ]
    finally:
        await connection.close()
