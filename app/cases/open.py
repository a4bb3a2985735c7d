"""Opening cases, inside whatever commit finds that a person must decide."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from app.cases.record import Step, record
from app.cases.types import CaseAction, CaseKind, CaseStatus, Subject, SubjectType
from app.kernel.ids import new_id
from app.ledger.batch import Batch


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Something to decide: ``summary`` for people, ``detail`` as JSON can hold it. ``actor`` is who found it."""

    kind: CaseKind
    subject: Subject
    summary: str
    actor: str
    detail: dict[str, Any] = field(default_factory=dict)


async def open_cases(batch: Batch, commands: Sequence[OpenCase]) -> list[UUID]:
    """The case of each: a new one, or the one that is open for the same kind and subject, with one entry more."""
    known = await _open_ones(batch, [(command.kind, command.subject) for command in commands])
    answers, steps, rows = [], [], []
    for command in commands:
        key = command.kind, command.subject
        case_id = known.get(key)
        action = CaseAction.REPORTED_AGAIN if case_id else CaseAction.OPENED
        if case_id is None:
            case_id = known[key] = new_id()
            rows.append((case_id, command))
        answers.append(case_id)
        steps.append(Step(case_id, command.kind, action, command.actor, command.summary))
    await batch.connection.executemany(_INSERT, [_row(batch, id_, command) for id_, command in rows])
    await record(batch, steps)
    return answers


async def note_if_open(batch: Batch, about: Sequence[tuple[CaseKind, Subject]], actor: str, text: str) -> list[UUID]:
    """Note what was found out on the cases that are open for these; answers which. A person closes them."""
    known = await _open_ones(batch, about)
    await record(batch, [Step(id_, kind, CaseAction.NOTED, actor, text) for (kind, _), id_ in known.items()])
    return list(known.values())


async def _open_ones(batch: Batch, about: Sequence[tuple[CaseKind, Subject]]) -> dict[tuple[CaseKind, Subject], UUID]:
    rows = await batch.connection.fetch(
        _FIND,
        batch.journal.tenant_id,
        [kind.value for kind, _ in about],
        [subject.type.value for _, subject in about],
        [subject.id for _, subject in about],
    )
    return {
        (CaseKind(row["kind"]), Subject(SubjectType(row["subject_type"]), row["subject_id"])): row["id"] for row in rows
    }


def _row(batch: Batch, id_: UUID, command: OpenCase) -> tuple[Any, ...]:
    return (
        id_,
        batch.journal.tenant_id,
        command.kind.value,
        command.subject.type.value,
        command.subject.id,
        command.summary,
        orjson.dumps(command.detail).decode(),
        CaseStatus.OPEN.value,
        batch.recorded_at,
    )


_FIND = """
SELECT c.id, c.kind, c.subject_type, c.subject_id FROM ops_case c
JOIN unnest($2::text[], $3::text[], $4::uuid[]) AS u(kind, subject_type, subject_id)
  USING (kind, subject_type, subject_id)
WHERE c.tenant_id = $1 AND c.closed_at IS NULL
"""
_INSERT = """
INSERT INTO ops_case (id, tenant_id, kind, subject_type, subject_id, summary, detail, status, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
