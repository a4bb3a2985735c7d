"""Batched reads of cases for the API. Row-level security bounds them to the tenant."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.tables import case_entry, ops_case
from app.cases.types import Case, CaseAction, CaseEntry, CaseKind, CaseStatus, Subject, SubjectType
from app.kernel.paging import Page, PageOf, page_from


async def cases_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Cases by id; unknown ids are absent."""
    rows = await connection.execute(select(ops_case).where(ops_case.c.id.in_(ids)))
    return {found.id: found for found in map(_case, rows)}


async def cases(
    connection: AsyncConnection, tenant_id: UUID, status: CaseStatus | None, asked: PageOf[UUID]
) -> Page[Case]:
    """A tenant's cases, newest first, keyed by id; only those of one status, if one is named."""
    query = select(ops_case).where(ops_case.c.tenant_id == tenant_id).limit(asked.limit + 1)
    if status is not None:
        query = query.where(ops_case.c.status == status.value)
    if asked.after is not None:
        query = query.where(ops_case.c.id < asked.after)
    if asked.before is not None:
        query = query.where(ops_case.c.id > asked.before)
    query = query.order_by(ops_case.c.id.asc() if asked.backward else ops_case.c.id.desc())
    return page_from([_case(row) for row in await connection.execute(query)], asked)


async def entries_of(
    connection: AsyncConnection, cases: Sequence[UUID], asked: PageOf[UUID]
) -> dict[UUID, Page[CaseEntry]]:
    """The same page of each case's history, oldest first, keyed by id."""
    wanted = func.unnest(literal(list(cases), ARRAY(Uuid))).table_valued("id").render_derived(name="wanted")
    query = select(case_entry).where(case_entry.c.case_id == wanted.c.id).limit(asked.limit + 1)
    if asked.after is not None:
        query = query.where(case_entry.c.id > asked.after)
    if asked.before is not None:
        query = query.where(case_entry.c.id < asked.before)
    page = query.order_by(case_entry.c.id.desc() if asked.backward else case_entry.c.id.asc()).lateral("page")
    found: dict[UUID, list[CaseEntry]] = {case: [] for case in cases}
    for row in await connection.execute(select(page).select_from(wanted.join(page, true()))):
        entry = CaseEntry(row.id, row.case_id, CaseAction(row.action), row.actor, row.note, row.owner_id, row.at)
        found[entry.case_id].append(entry)
    return {case: page_from(entries, asked) for case, entries in found.items()}


def _case(row: Row[Any]) -> Case:
    return Case(
        row.id,
        CaseKind(row.kind),
        Subject(SubjectType(row.subject_type), row.subject_id),
        row.summary,
        row.detail,
        CaseStatus(row.status),
        row.owner_id,
        row.opened_at,
        row.closed_at,
    )
