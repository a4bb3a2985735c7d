"""The job that carries actions out: it takes up what is due, and what fails holds up nothing else."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from app.corporate_actions import carry_out as carrying_out
from app.corporate_actions import job
from app.corporate_actions.carry_out import CarryOut, carry_out
from app.corporate_actions.split import apply_split
from app.corporate_actions.types import ActionKind, ActionStatus, CorporateAction
from app.ledger.batch import Batch
from tests.corporate_actions.company import FRIDAY, Company, terms
from tests.world import running

pytestmark = pytest.mark.asyncio


async def test_one_action_that_fails_holds_up_no_other(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(database_url) as world:
        ko, pep = Company(world), Company(world, "PEP")
        bad = await ko.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)
        good = await pep.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)

        async def failing(batch: Batch, action: CorporateAction) -> None:
            await apply_split(batch, action)
            if action.id == bad:
                raise RuntimeError("a fault of ours")

        monkeypatch.setattr(carrying_out, "apply_split", failing)
        await world.jump(ko.effective_at(FRIDAY))
        with pytest.raises(ExceptionGroup, match="not every corporate action"):
            await job.carry_out_due(world.pool, world.writers, world.market)
        assert (await ko.action(bad)).status is ActionStatus.APPLYING
        assert (await pep.action(good)).status is ActionStatus.COMPLETED
        monkeypatch.undo()
        await job.carry_out_due(world.pool, world.writers, world.market)
        assert (await ko.action(bad)).status is ActionStatus.COMPLETED
        await ko.check()


@pytest.mark.parametrize("fault", [RuntimeError("a fault of ours"), KeyError("journal"), TimeoutError()])
async def test_nothing_that_fails_ends_the_job(
    database_url: str, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """Its end would be the end of the whole service."""
    looked, again = 0, asyncio.Event()

    async def failing(*_: object) -> None:
        nonlocal looked
        looked += 1
        if looked == 3:
            again.set()
        raise fault

    async with running(database_url) as world:
        monkeypatch.setattr(job, "carry_out_due", failing)
        monkeypatch.setattr(job, "LOOK_AGAIN", job.LOOK_AGAIN / 1000)
        running_job = asyncio.create_task(job.run(world.pool, world.writers, world.market))
        looking = asyncio.create_task(again.wait())
        await asyncio.wait([running_job, looking], timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert again.is_set()
        assert not running_job.done()
        running_job.cancel()


async def test_it_looks_again_by_itself_and_survives_a_failure(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(database_url) as world:
        ko = Company(world)
        id_ = await ko.announce(ActionKind.SPLIT, terms("2", "1"), FRIDAY)
        await world.jump(ko.effective_at(FRIDAY))
        looked, done = 0, asyncio.Event()

        async def first_fails(batch: Batch, commands: Sequence[CarryOut]) -> list[bool]:
            nonlocal looked
            looked += 1
            if looked == 1:
                raise RuntimeError("a fault of ours")
            answers = await carry_out(batch, commands)
            if not any(answers):
                done.set()
            return answers

        monkeypatch.setattr(job, "carry_out", first_fails)
        monkeypatch.setattr(job, "LOOK_AGAIN", job.LOOK_AGAIN / 1000)
        running_job = asyncio.create_task(job.run(world.pool, world.writers, world.market))
        async with asyncio.timeout(20):
            await done.wait()
        running_job.cancel()
        found: UUID = (await ko.action(id_)).id
        assert (await ko.action(found)).status is ActionStatus.COMPLETED
