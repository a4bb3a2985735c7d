"""The bookkeeper: closes the books of each business date, reconciles them, ends proposals that stood too long, and
forgets answers to requests that were kept long enough.

``run_due`` does what is due by the market's clock, as often as one likes and in any number of processes: each result is
written once, in a commit that finds out whether it is there already.
"""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from app.accounting.balances import outside_at
from app.accounting.close_day import ENGINE, CloseDay, close_days, next_to_close
from app.accounting.decide import ExpireJournals, expire_journals
from app.accounting.reconcile import Reconcile, reconcile
from app.accounting.statement import CustodianFile, read_statement
from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.infra.database import EnginePool
from app.kernel.clock import Clock
from app.kernel.errors import Refusal
from app.ledger.chart import Kind
from app.ledger.commit import GroupCommit
from app.ledger.forget import KEPT_FOR, forget_answers
from app.ledger.types import Journal
from app.ledger.writers import Writers
from app.market.market import Market

log = structlog.get_logger(__name__)

#: Seconds between looks.
LOOK_AGAIN: Final = 5.0
#: How long after a file was missing it is asked for again.
TRY_AGAIN: Final = timedelta(hours=1)
#: A file of a business date speaks of its last moment.
_MOMENT: Final = timedelta(microseconds=1)


class Bookkeeper:
    """One per process. Without a ``custodian`` nothing is reconciled by itself."""

    def __init__(
        self,
        pool: EnginePool,
        writers: Writers,
        market: Market,
        custodian: CustodianFile | None,
        *,
        clock: Clock,
        answers_kept: timedelta = KEPT_FOR,
    ) -> None:
        self._pool = pool
        self._writers = writers
        self._market = market
        self._custodian = custodian
        self._clock = clock
        self._answers_kept = answers_kept
        self._not_before: dict[int, datetime] = {}

    async def run(self) -> None:
        """Work until cancelled. A failure is logged and tried again."""
        while True:
            try:
                await self.run_due()
            except Exception:
                log.exception("bookkeeper stumbled")
            await asyncio.sleep(LOOK_AGAIN)

    async def run_due(self) -> None:
        """Do everything that is due now. What fails for one journal does not hold up the others."""
        today = self._market.today()
        failures = []
        for commits in await self._writers.all():
            try:
                await self._keep(commits, today)
            except Exception as error:
                log.exception("a journal's books were not kept", journal=commits.journal.id)
                failures.append(error)
        if failures:
            raise ExceptionGroup("the bookkeeper could not do everything", failures)

    async def _keep(self, commits: GroupCommit, today: date) -> None:
        while (found := await self._next_to_close(commits.journal.id, today)) is not None:
            if await commits.submit(close_days, found) is None:
                break  # the day was not over for everybody: look again later
        if self._custodian is not None:
            await self._reconcile_all(self._custodian, commits)
        while await self._pool.fetchval(_OVERDUE, commits.journal.id, self._clock.now()):
            await commits.submit(expire_journals, ExpireJournals())
        async with self._pool.acquire() as connection:
            await forget_answers(connection, commits.journal.id, self._clock.now() - self._answers_kept)

    async def _next_to_close(self, journal_id: int, today: date) -> CloseDay | None:
        async with self._pool.acquire() as connection:
            return await next_to_close(connection, journal_id, today)

    async def _reconcile_all(self, custodian: CustodianFile, commits: GroupCommit) -> None:
        """Reconcile what is closed. Without a file that can be read somebody is told, and it is tried again later."""
        now, journal_id = self._clock.now(), commits.journal.id
        if self._not_before.get(journal_id, now) > now:
            return
        for row in await self._pool.fetch(_UNRECONCILED, journal_id):
            day: date = row["business_date"]
            try:
                if not await self._reconcile(custodian, commits, day, row["ends_at"] - _MOMENT):
                    return
            except (LookupError, Refusal) as error:
                self._not_before[journal_id] = now + TRY_AGAIN
                subject = Subject(SubjectType.DAILY_CLOSE, row["id"])
                summary = f"{custodian.name} has no file of {day} that can be read: {error}"
                await commits.submit(open_cases, OpenCase(CaseKind.RECONCILIATION_FAILED, subject, summary, ENGINE))
                return

    async def _reconcile(self, custodian: CustodianFile, commits: GroupCommit, day: date, as_of: datetime) -> bool:
        """Reconcile a day; false if it has to be asked for again, because nobody can tell whether the file knows of
        what was dated back meanwhile."""
        before, _ = await self._ours(commits.journal, as_of)
        file = await custodian.file(commits.journal, as_of)
        ours, known = await self._ours(commits.journal, as_of)
        if ours != before:
            return False
        statement = read_statement(file, custodian.name, await asset_codes(self._pool))
        await commits.submit(reconcile, Reconcile(statement, ENGINE, day, known))
        return True

    async def _ours(self, journal: Journal, as_of: datetime) -> tuple[Mapping[tuple[Kind, int], int], int]:
        """What others keep for us by our books, as far as is known now, and the last position of now."""
        known: int = await self._pool.fetchval(_HEAD, journal.id)
        return await outside_at(self._pool.fetch, journal.id, journal.outside, as_of, known), known


async def asset_codes(pool: EnginePool) -> dict[str, int]:
    """The ids of all assets by their names."""
    return {row["code"]: row["id"] for row in await pool.fetch("SELECT code, id FROM ledger.asset")}


#: Closed business dates without their daily run, oldest first; what is older than a month a person may ask for. Of what
#: is archived nobody can tell any more what our books said.
_UNRECONCILED = """
SELECT c.id, c.business_date, c.ends_at FROM ledger.journal_head h, (
  SELECT * FROM daily_close WHERE journal_id = $1 ORDER BY business_date DESC LIMIT 23) AS c
WHERE h.journal_id = $1 AND c.ends_at > h.archived_effective_at AND NOT EXISTS (
  SELECT 1 FROM reconciliation r WHERE r.journal_id = $1 AND r.business_date = c.business_date)
ORDER BY c.business_date
"""
_HEAD = "SELECT position FROM ledger.journal_head WHERE journal_id = $1"
_OVERDUE = """
SELECT true FROM manual_journal WHERE journal_id = $1 AND status = 'PROPOSED' AND expires_at <= $2 LIMIT 1
"""
