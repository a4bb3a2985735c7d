"""A back office with a bookkeeper and the sandbox's custodian."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from app.accounting.balances import trial_balance_at
from app.accounting.bookkeeper import Bookkeeper, asset_codes
from app.accounting.paper_custodian import PaperCustodian
from app.accounting.reconcile import Reconcile, reconcile
from app.accounting.rows import close_from, journal_from, reconciliation_from
from app.accounting.statement import read_statement
from app.accounting.trial_balance import TrialBalance
from app.accounting.types import DailyClose, ManualJournal, Reconciliation
from app.kernel.errors import Refusal
from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT
from app.ledger.batch import Batch
from app.ledger.cash_postings import fund_house
from app.ledger.types import Entry
from tests.world import World

ANN, BOB = "operator:ann", "operator:bob"


@dataclass
class Keeping:
    """What a test of the books does with a world."""

    world: World
    custodian: PaperCustodian = field(init=False)
    bookkeeper: Bookkeeper = field(init=False)

    def __post_init__(self) -> None:
        world = self.world
        self.custodian = PaperCustodian(world.pool, world.clock)
        self.bookkeeper = Bookkeeper(world.pool, world.writers, world.market, self.custodian, clock=world.clock)

    async def fund_house(self, dollars: int) -> None:
        async def fund(batch: Batch, amounts: Sequence[int]) -> list[None]:
            event = NewEvent(batch.journal.house, EventType.HOUSE_FUNDED, "test", batch.effective_at)
            await batch.post_facts([Entry(event, fund_house(batch.journal, amount)) for amount in amounts])
            return [None for _ in amounts]

        await self.world.commits.submit(fund, dollars * UNIT)

    async def head(self) -> int:
        found: int = await self.world.pool.fetchval(
            "SELECT position FROM ledger.journal_head WHERE journal_id = $1", self.world.commits.journal.id
        )
        return found

    async def books(self, position: int | None = None) -> TrialBalance:
        """The trial balance, of now or of a position."""
        at = await self.head() if position is None else position
        return await trial_balance_at(self.world.pool.fetch, self.world.commits.journal.id, at)

    async def closes(self) -> list[DailyClose]:
        return [close_from(row) for row in await self.world.pool.fetch("SELECT * FROM daily_close ORDER BY 4")]

    async def journal(self, id_: UUID) -> ManualJournal:
        row = await self.world.pool.fetchrow("SELECT * FROM manual_journal WHERE id = $1", id_)
        assert row is not None
        return journal_from(row)

    async def runs(self) -> list[Reconciliation]:
        rows = await self.world.pool.fetch("SELECT * FROM reconciliation ORDER BY id")
        return [reconciliation_from(row) for row in rows]

    async def reconcile(self, as_of: datetime | None = None, file: str | None = None) -> Reconciliation:
        """Compare with a file, or with the custodian's."""
        text = file or await self.custodian.file(self.world.commits.journal, as_of)
        statement = read_statement(text, "paper", await asset_codes(self.world.pool))
        id_ = await self.world.commits.submit(reconcile, Reconcile(statement, ANN))
        return next(each for each in await self.runs() if each.id == id_)

    async def cases(self) -> list[tuple[str, str, str]]:
        """Kind, status and the history's actions of every case."""
        rows = await self.world.pool.fetch(
            "SELECT c.kind, c.status, string_agg(e.action, ' ' ORDER BY e.id) AS steps FROM ops_case c"
            " JOIN case_entry e ON e.case_id = c.id GROUP BY c.id ORDER BY c.id"
        )
        return [tuple(row) for row in rows]

    async def refusal(self, use_case: Any, command: Any) -> tuple[str, str]:
        """The code and the words; nothing has changed."""
        before = await self.world.everything()
        with pytest.raises(Refusal) as refused:
            await self.world.commits.submit(use_case, command)
        assert await self.world.everything() == before
        return refused.value.code.value, refused.value.message


async def entries(world: World, count: int) -> None:
    """So many entries that move nothing."""

    async def post(batch: Batch, commands: Sequence[None]) -> list[None]:
        event = NewEvent(batch.journal.house, EventType.HOUSE_FUNDED, "test", batch.effective_at)
        await batch.post_facts([Entry(event)] * count)
        return [None for _ in commands]

    await world.commits.submit(post, None)


async def moving(world: World, times: Sequence[datetime]) -> None:
    """Money comes to the house at these times."""

    async def post(batch: Batch, commands: Sequence[int]) -> list[int]:
        house, legs = batch.journal.house, fund_house(batch.journal, UNIT)
        await batch.post_facts([Entry(NewEvent(house, EventType.HOUSE_FUNDED, "test", at), legs) for at in times])
        return list(commands)

    await world.commits.submit(post, 1)
