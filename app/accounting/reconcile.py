"""Reconciling: our books against the custodian's and the bank's file. Each break is a case; the same one only once.

Compared under the journal's lock, as of the file's own moment: what took effect later does not count, whenever the file
comes. A break that the run before had found and that is gone is noted on its case, which a person closes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.accounting.balances import outside_at
from app.accounting.compare import compare
from app.accounting.errors import ReconcileError
from app.accounting.rows import kept_breaks, reconciliation_from
from app.accounting.statement import Statement
from app.accounting.types import Break
from app.cases.open import OpenCase, note_if_open, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import to_text
from app.ledger.batch import Batch
from app.ledger.chart import Kind, address
from app.ledger.types import Entry


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A statement to compare with; ``business_date`` is that of a daily run, of which there is one.

    ``known`` is the last position that whoever wrote the statement can have heard of: what was recorded after it does
    not count, whatever its date. None if nobody knows: then all counts.
    """

    statement: Statement
    actor: str
    business_date: date | None = None
    known: int | None = None


async def reconcile(batch: Batch, commands: Sequence[Reconcile]) -> list[UUID | Refusal]:
    """Compare each; answers the id of the run. A daily run that was made already is answered again."""
    return [await _reconcile(batch, command) for command in commands]


async def _reconcile(batch: Batch, command: Reconcile) -> UUID | Refusal:
    statement = command.statement
    if statement.as_of > batch.effective_at:
        now = batch.effective_at.isoformat()
        message = f"The file speaks of {statement.as_of.isoformat()}, and the market's time is only {now}."
        return Refusal(ReconcileError.FILE_INVALID, message, "file")
    journal, connection = batch.journal, batch.connection
    begins: datetime | None = await connection.fetchval(_BEGINS, journal.id)
    if begins is not None and statement.as_of < begins:
        message = (
            f"The file speaks of {statement.as_of.isoformat()}, and up to {begins.isoformat()} the log is archived."
        )
        return Refusal(ReconcileError.FILE_INVALID, message, "file")
    if command.business_date is not None:
        made: UUID | None = await connection.fetchval(_DAILY, journal.id, command.business_date)
        if made is not None:
            return made
    before = await _latest_breaks(batch, statement)
    ours = await outside_at(connection.fetch, journal.id, journal.outside, statement.as_of, command.known)
    compared, breaks = compare(ours, statement)
    id_ = new_id()
    await connection.execute(
        _INSERT,
        id_,
        journal.tenant_id,
        journal.id,
        command.business_date,
        statement.as_of,
        statement.source,
        statement.file_hash,
        sorted(kind.name for kind in statement.accounts),
        compared,
        kept_breaks(breaks),
        command.actor,
        batch.recorded_at,
    )
    data = {"reconciliation": str(id_), "compared": compared, "breaks": len(breaks)}
    event = NewEvent(journal.house, EventType.RECONCILED, command.actor, batch.effective_at, correlation=id_, data=data)
    await batch.post_facts([Entry(event)])
    await _tell(batch, id_, command, breaks, before)
    return id_


async def _tell(batch: Batch, id_: UUID, command: Reconcile, breaks: Sequence[Break], before: Sequence[Break]) -> None:
    codes = {row["id"]: row["code"] for row in await batch.connection.fetch("SELECT id, code FROM ledger.asset")}
    found = [
        OpenCase(
            _kind(each),
            _subject(batch, each),
            _summary(each, codes[each.asset], command.statement),
            command.actor,
            {
                "reconciliation": str(id_),
                "as_of": command.statement.as_of.isoformat(),
                "ours": to_text(each.ours),
                "theirs": to_text(each.theirs),
                "difference": to_text(each.difference),
            },
        )
        for each in breaks
    ]
    await open_cases(batch, found)
    still = {(each.account, each.asset) for each in breaks}
    gone = [each for each in before if (each.account, each.asset) not in still]
    what = f"Gone: on {command.statement.as_of.isoformat()} our books and theirs agree ({command.statement.source})."
    await note_if_open(batch, [(_kind(each), _subject(batch, each)) for each in gone], command.actor, what)


async def _latest_breaks(batch: Batch, statement: Statement) -> list[Break]:
    """What the run before had found in each account that the statement speaks for: the last that was about it."""
    rows = await batch.connection.fetch(_LATEST, batch.journal.id, [kind.name for kind in statement.accounts])
    return [each for row in rows for each in reconciliation_from(row).breaks if each.account.name == row["account"]]


def _kind(found: Break) -> CaseKind:
    return CaseKind.POSITION_BREAK if found.account is Kind.CUSTODIAN else CaseKind.CASH_BREAK


def _subject(batch: Batch, found: Break) -> Subject:
    if found.account is Kind.CUSTODIAN:
        return Subject(SubjectType.INSTRUMENT, UUID(int=found.asset))
    account = address(batch.journal.outside, found.asset, found.account)
    return Subject(SubjectType.LEDGER_ACCOUNT, UUID(int=account))


def _summary(found: Break, code: str, statement: Statement) -> str:
    ours, theirs, more = (to_text(units) for units in (found.ours, found.theirs, abs(found.difference)))
    which = "more" if found.difference > 0 else "less"
    return (
        f"{found.account.name} {code}: our books say {ours}, {statement.source} says {theirs}, {more} {which},"
        f" as of {statement.as_of.isoformat()}."
    )


_BEGINS = "SELECT archived_effective_at FROM ledger.journal_head WHERE journal_id = $1 AND archived > 0"
_DAILY = "SELECT id FROM reconciliation WHERE journal_id = $1 AND business_date = $2"

_LATEST = """
SELECT a.account, r.* FROM unnest($2::text[]) AS a(account), LATERAL (
  SELECT * FROM reconciliation WHERE journal_id = $1 AND a.account = ANY (accounts) ORDER BY id DESC LIMIT 1) AS r
"""

_INSERT = """
INSERT INTO reconciliation (id, tenant_id, journal_id, business_date, as_of, source, file_hash, accounts, compared,
  breaks, run_by, run_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
