"""Cases: one open for each kind and subject, every step in its history and in the house's log."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.cases.errors import CaseError
from app.cases.open import OpenCase, open_cases
from app.cases.reads import cases, cases_by_id, entries_of
from app.cases.types import Case, CaseAction, CaseEntry, CaseKind, CaseStatus, Subject, SubjectType
from app.cases.work import Assign, Close, Note, assign, dismiss, note, resolve
from app.kernel.errors import Refusal
from app.kernel.ids import new_id
from app.kernel.paging import PageOf
from app.ledger.batch import Batch
from app.ledger.reads import streams_after
from tests.world import World, running

pytestmark = pytest.mark.asyncio

ME = UUID(int=7)


def unclear(**changed: Any) -> OpenCase:
    subject = Subject(SubjectType.MARKET_ORDER, new_id())
    command = OpenCase(CaseKind.VENUE_ORDER_UNCLEAR, subject, "The venue does not know it.", "engine", {"asked": 3})
    return replace(command, **changed)


async def opened(world: World, command: OpenCase | None = None) -> UUID:
    return await world.commits.submit(open_cases, command or unclear())


async def find(world: World, id_: UUID) -> Case:
    async with world.read() as api:
        return (await cases_by_id(api, [id_]))[id_]


async def history(world: World, id_: UUID) -> list[CaseEntry]:
    async with world.read() as api:
        return list((await entries_of(api, [id_], PageOf(100)))[id_].items)


async def told(world: World) -> list[str]:
    """The types of the house's events."""
    async with world.read() as api:
        events = (await streams_after(api, [(world.commits.journal.house, 0)], 100))[world.commits.journal.house, 0]
    assert "venue does not know" not in str(events), "what people write stays out of the log"
    return [event.type.value for event in events]


async def refusal(world: World, use_case: Any, command: Any) -> tuple[Any, tuple[str, ...]]:
    """Why not; nothing has changed."""
    before = await world.everything()
    with pytest.raises(Refusal) as refused:
        await world.commits.submit(use_case, command)
    assert await world.everything() == before
    return refused.value.code, refused.value.path


async def test_from_opening_to_resolving(database_url: str) -> None:
    async with running(database_url) as world:
        command = unclear()
        id_ = await opened(world, command)
        case = await find(world, id_)
        assert (case.status, case.owner_id, case.detail, case.subject) == (
            CaseStatus.OPEN,
            None,
            {"asked": 3},
            command.subject,
        )
        await world.commits.submit(assign, Assign(id_, ME, "operator:7"))
        assert (await find(world, id_)).status is CaseStatus.IN_PROGRESS
        await world.commits.submit(note, Note(id_, " Called the venue.\nThey filled it. ", "operator:7"))
        assert await world.commits.submit(resolve, Close(id_, "Filled by hand", "operator:7")) == id_
        case = await find(world, id_)
        assert (case.status, case.owner_id, case.closed_at) == (CaseStatus.RESOLVED, ME, world.clock.now())
        steps = [(entry.action, entry.actor, entry.note, entry.owner_id) for entry in await history(world, id_)]
        assert steps == [
            (CaseAction.OPENED, "engine", "The venue does not know it.", None),
            (CaseAction.ASSIGNED, "operator:7", "", ME),
            (CaseAction.NOTED, "operator:7", "Called the venue.\nThey filled it.", None),
            (CaseAction.RESOLVED, "operator:7", "Filled by hand", None),
        ]
        assert await told(world) == ["CASE_OPENED", "CASE_ASSIGNED", "CASE_NOTED", "CASE_RESOLVED"]


async def test_one_case_is_open_for_the_same_thing(database_url: str) -> None:
    async with running(database_url) as world:
        command = unclear()
        ids = await asyncio.gather(*(opened(world, command) for _ in range(3)))
        assert len(set(ids)) == 1
        again = await opened(world, replace(command, summary="Still not."))
        assert again == ids[0]
        found = await history(world, again)
        assert [entry.action for entry in found] == [CaseAction.OPENED, *[CaseAction.REPORTED_AGAIN] * 3]
        assert found[-1].note == "Still not."
        assert (await find(world, again)).summary == "The venue does not know it."
        same_id = Subject(SubjectType.ORDER, command.subject.id)
        assert await opened(world, replace(command, subject=same_id)) != again
        assert await opened(world) != again


async def test_another_use_case_opens_cases_in_its_own_commit(database_url: str) -> None:
    async with running(database_url) as world:
        command, other = unclear(), unclear()

        async def find_out(batch: Batch, commands: Sequence[None]) -> list[UUID]:
            first, second, third = await open_cases(batch, [command, other, command])
            assert (first == third, first == second) == (True, False)
            return [first for _ in commands]

        id_ = await world.commits.submit(find_out, None)
        assert [entry.action for entry in await history(world, id_)] == [CaseAction.OPENED, CaseAction.REPORTED_AGAIN]
        assert await told(world) == ["CASE_OPENED", "CASE_OPENED", "CASE_REPORTED_AGAIN"]


async def test_what_comes_up_after_it_was_closed_is_a_new_case(database_url: str) -> None:
    async with running(database_url) as world:
        command = unclear()
        first = await opened(world, command)
        await world.commits.submit(dismiss, Close(first, "A glitch", "operator:7"))
        assert (await find(world, first)).status is CaseStatus.DISMISSED
        second = await opened(world, command)
        assert second != first
        assert (await find(world, second)).status is CaseStatus.OPEN


async def test_a_closed_case_stays_as_it_is(database_url: str) -> None:
    async with running(database_url) as world:
        id_ = await opened(world)
        closing = Close(id_, "Filled by hand", "operator:7")
        answers = await asyncio.gather(
            *(world.commits.submit(resolve, closing) for _ in range(2)), return_exceptions=True
        )
        assert [isinstance(answer, Refusal) for answer in answers].count(True) == 1
        for use_case, command in (
            (assign, Assign(id_, ME, "operator:7")),
            (note, Note(id_, "More", "operator:7")),
            (resolve, closing),
            (dismiss, closing),
        ):
            assert await refusal(world, use_case, command) == (CaseError.ALREADY_CLOSED, ("caseId",))


@pytest.mark.parametrize("text", ["", " \n ", "a\0b", "a" * 4_001])
async def test_words_are_needed(database_url: str, text: str) -> None:
    async with running(database_url) as world:
        id_ = await opened(world)
        assert await refusal(world, note, Note(id_, text, "operator:7")) == (CaseError.NOTE_INVALID, ("note",))
        for use_case in (resolve, dismiss):
            found = await refusal(world, use_case, Close(id_, text, "operator:7"))
            assert found == (CaseError.NOTE_INVALID, ("reason",))


async def test_pages_of_cases_by_status(database_url: str) -> None:
    async with running(database_url) as world:
        tenant = world.commits.journal.tenant_id
        ids = [await opened(world) for _ in range(5)]
        await world.commits.submit(dismiss, Close(ids[1], "A glitch", "operator:7"))
        async with world.read() as api:
            newest = await cases(api, tenant, None, PageOf(2))
            assert ([case.id for case in newest.items], newest.has_next) == ([ids[4], ids[3]], True)
            rest = await cases(api, tenant, CaseStatus.OPEN, PageOf(5, after=ids[3]))
            assert ([case.id for case in rest.items], rest.has_next) == ([ids[2], ids[0]], False)
            last = await cases(api, tenant, None, PageOf(2, backward=True))
            assert ([case.id for case in last.items], last.has_previous) == ([ids[1], ids[0]], True)


async def test_cases_are_of_their_tenant(database_url: str) -> None:
    async with running(database_url) as here, running(database_url) as there:
        command = unclear()
        first, second = await opened(here, command), await opened(there, command)
        assert first != second
        async with there.read() as api:
            assert (await cases_by_id(api, [first, second])).keys() == {second}
            assert (await entries_of(api, [first], PageOf(10)))[first].items == []


async def test_the_database_lets_nobody_change_the_history(database_url: str) -> None:
    async with running(database_url) as world:
        await opened(world)
        for statement in (
            "UPDATE case_entry SET note = ''",
            "DELETE FROM case_entry",
            "UPDATE ops_case SET summary = ''",
            "DELETE FROM ops_case",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await world.pool.execute(statement)
