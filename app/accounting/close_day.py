"""The daily close: what the books say at the end of a business date, written down once.

A close names the position it covers: the last entry before the first that took effect after the date's end. So it is
the same whoever makes it and however late. What is recorded later for that date does not change it; it is shown beside
it. Adding up a whole journal takes a moment, so that is done beside the journal's lock, on a snapshot. What was being
committed in the date's last moment is not in that: so the commit that writes a close down looks whether the date still
ends there. After it nothing can end up before: the close itself is an entry of a later time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from app.accounting.balances import trial_balance_at
from app.accounting.business_days import business_date_of, ends_at, next_after
from app.accounting.rows import close_from, figures_hash, kept_missing, kept_totals
from app.accounting.trial_balance import TrialBalance
from app.accounting.types import DailyClose, Missing
from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.infra.database import EngineConnection, one_moment
from app.kernel.events import EventType, NewEvent
from app.kernel.ids import new_id
from app.kernel.money import to_decimal, to_text
from app.ledger.batch import Batch
from app.ledger.types import Entry

ENGINE: Final = "engine"


@dataclass(frozen=True, slots=True)
class CloseDay:
    """The books of a business date as they were found."""

    business_date: date
    ends_at: datetime
    books: TrialBalance

    @property
    def custody(self) -> list[Missing]:
        return [Missing(proof.asset, proof.difference) for proof in self.books.missing]


async def next_to_close(connection: EngineConnection, journal_id: int, today: date) -> CloseDay | None:
    """The oldest business date before ``today`` that is not closed, with its books; None if there is none."""
    async with one_moment(connection):
        last = await connection.fetchrow(_LAST, journal_id)
        if last is None:
            first = await connection.fetchval(_BEGUN, journal_id)
            day = today if first is None else business_date_of(first)
        else:
            day = next_after(last["business_date"])
        if day >= today:
            return None
        end = ends_at(day)
        position = await connection.fetchval(_CUT, journal_id, end)
        return CloseDay(day, end, await trial_balance_at(connection.fetch, journal_id, position))


async def detachable_until(connection: EngineConnection, journal_id: int) -> int | None:
    """Up to which position the log may leave: what is not closed yet is needed for closing. None if all may.

    All may as long as nothing has been closed and the log has not come to a second business date.
    """
    last = await connection.fetchrow(_LAST, journal_id)
    if last is not None:
        position: int = last["position"]
        return position
    first = await connection.fetchval(_BEGUN, journal_id)
    newest = await connection.fetchval("SELECT effective_at FROM ledger.journal_head WHERE journal_id = $1", journal_id)
    return None if first is None or business_date_of(first) == business_date_of(newest) else 0


async def close_days(batch: Batch, commands: Sequence[CloseDay]) -> list[DailyClose | None]:
    """Write each close down, unless another process was faster: then answers what that one wrote.

    None, and nothing is written, where more was recorded of the date since it was added up: add it up again.
    """
    return [await _close(batch, command) for command in commands]


async def _close(batch: Batch, command: CloseDay) -> DailyClose | None:
    books = command.books
    if books.position != await batch.connection.fetchval(_CUT, batch.journal.id, command.ends_at):
        return None
    row = await batch.connection.fetchrow(
        _INSERT,
        new_id(),
        batch.journal.tenant_id,
        batch.journal.id,
        command.business_date,
        command.ends_at,
        books.position,
        books.hash,
        kept_totals(books.totals),
        kept_missing(command.custody),
        books.balanced,
        ENGINE,
        batch.recorded_at,
    )
    if row is None:
        found = await batch.connection.fetchrow(_FIND, batch.journal.id, command.business_date)
        assert found is not None, "a close is never taken away"
        return close_from(found)
    await batch.connection.executemany(_KEEP, _kept_rows(batch, books))
    made = close_from(row)
    data = {"close": str(made.id), "business_date": made.business_date.isoformat(), "position": made.position}
    data |= {"hash": made.hash, "balanced": made.balanced, "ends_at": made.ends_at.isoformat()}
    data["figures"] = figures_hash(made.totals, made.custody)
    event = NewEvent(
        batch.journal.house, EventType.BOOKS_CLOSED, ENGINE, batch.effective_at, correlation=made.id, data=data
    )
    await batch.post_facts([Entry(event)])
    if not made.balanced or made.custody:
        await open_cases(batch, [_case(made)])
    return made


def _kept_rows(batch: Batch, books: TrialBalance) -> list[tuple[object, ...]]:
    tenant, journal, position = batch.journal.tenant_id, books.journal_id, books.position
    return [
        (tenant, journal, position, row.kind, row.asset, row.accounts, to_decimal(row.debit), to_decimal(row.credit))
        for row in books.rows
    ]


def _case(close: DailyClose) -> OpenCase:
    wrong = [
        f"asset {each.asset}: debits {to_text(each.debit)}, credits {to_text(each.credit)}"
        for each in close.totals
        if not each.balanced
    ]
    wrong += [f"asset {each.asset}: {to_text(each.difference)} shares too many" for each in close.custody]
    return OpenCase(
        CaseKind.BOOKS_UNBALANCED,
        Subject(SubjectType.DAILY_CLOSE, close.id),
        f"The books of {close.business_date} do not add up: {'; '.join(wrong)[:1_000]}.",
        ENGINE,
        {"business_date": close.business_date.isoformat(), "position": close.position, "wrong": wrong[:100]},
    )


_CUT = "SELECT ledger.effective_position_at($1, $2::timestamptz - interval '1 microsecond')"
_LAST = "SELECT business_date, position FROM daily_close WHERE journal_id = $1 ORDER BY business_date DESC LIMIT 1"
_BEGUN = "SELECT effective_at FROM ledger.event WHERE journal_id = $1 ORDER BY position LIMIT 1"
_FIND = "SELECT * FROM daily_close WHERE journal_id = $1 AND business_date = $2"

_INSERT = """
INSERT INTO daily_close (id, tenant_id, journal_id, business_date, ends_at, position, hash, totals, custody, balanced,
  closed_by, closed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (journal_id, business_date) DO NOTHING RETURNING *
"""

#: Two dates may end at the same position: nothing happened on the second.
_KEEP = """
INSERT INTO trial_balance_row (tenant_id, journal_id, position, kind, asset_id, accounts, debit, credit)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""
