"""Working on cases: taking one, noting what was found out, and closing it with a reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from uuid import UUID

from app.cases.errors import CaseError
from app.cases.record import Step, record
from app.cases.types import MAX_NOTE, CaseAction, CaseKind, CaseStatus
from app.kernel.errors import Refusal
from app.kernel.texts import is_text
from app.ledger.batch import Batch


@dataclass(frozen=True, slots=True)
class Assign:
    """The operator ``owner_id`` shall see to the case."""

    case_id: UUID
    owner_id: UUID
    actor: str


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody found out, or thinks."""

    case_id: UUID
    text: str
    actor: str


@dataclass(frozen=True, slots=True)
class Close:
    """What was decided, and why."""

    case_id: UUID
    reason: str
    actor: str


_Command = TypeVar("_Command", Assign, Note, Close)


@dataclass(frozen=True, slots=True)
class _State:
    kind: CaseKind
    status: CaseStatus
    owner_id: UUID | None


async def assign(batch: Batch, commands: Sequence[Assign]) -> list[UUID | Refusal]:
    """Give each case to its operator; it is in progress from then on."""

    def step(command: Assign, state: _State) -> tuple[_State, CaseAction, str]:
        taken = replace(state, status=CaseStatus.IN_PROGRESS, owner_id=command.owner_id)
        return taken, CaseAction.ASSIGNED, ""

    return await _work(batch, commands, step)


async def note(batch: Batch, commands: Sequence[Note]) -> list[UUID | Refusal]:
    """Add each note to its case."""

    def step(command: Note, state: _State) -> tuple[_State, CaseAction, str]:
        return state, CaseAction.NOTED, command.text

    return await _work(batch, commands, step)


async def resolve(batch: Batch, commands: Sequence[Close]) -> list[UUID | Refusal]:
    """Close each case: it was decided."""

    def step(command: Close, state: _State) -> tuple[_State, CaseAction, str]:
        return replace(state, status=CaseStatus.RESOLVED), CaseAction.RESOLVED, command.reason

    return await _work(batch, commands, step)


async def dismiss(batch: Batch, commands: Sequence[Close]) -> list[UUID | Refusal]:
    """Close each case: there was nothing to decide."""

    def step(command: Close, state: _State) -> tuple[_State, CaseAction, str]:
        return replace(state, status=CaseStatus.DISMISSED), CaseAction.DISMISSED, command.reason

    return await _work(batch, commands, step)


async def _work(
    batch: Batch,
    commands: Sequence[_Command],
    step: Callable[[_Command, _State], tuple[_State, CaseAction, str]],
) -> list[UUID | Refusal]:
    """Do the step of each command in order: one sees what those before it have done."""
    states = await _states(batch, [each.case_id for each in commands])
    answers: list[UUID | Refusal] = []
    steps: list[Step] = []
    for command in commands:
        before = states[command.case_id]
        after, action, text = step(command, before)
        refusal = _refusal(before, action, text)
        answers.append(refusal or command.case_id)
        if refusal is None:
            states[command.case_id] = after
            owner = after.owner_id if action is CaseAction.ASSIGNED else None
            steps.append(Step(command.case_id, after.kind, action, command.actor, text.strip(), owner))
    await batch.connection.executemany(
        "UPDATE ops_case SET status = $2, owner_id = $3, closed_at = CASE WHEN $4 THEN $5::timestamptz END"
        " WHERE id = $1",
        [
            (id_, states[id_].status.value, states[id_].owner_id, states[id_].status.is_final, batch.recorded_at)
            for id_ in {each.case_id for each in steps}
        ],
    )
    await record(batch, steps)
    return answers


def _refusal(state: _State, action: CaseAction, text: str) -> Refusal | None:
    if state.status.is_final:
        message = f"The case is {state.status.lower()} already; what comes up again is a new case."
        return Refusal(CaseError.ALREADY_CLOSED, message, "caseId")
    if action in _SAYS_WHY and not is_text(text, MAX_NOTE):
        message = f"Write 1 to {MAX_NOTE} printable characters, got {len(text)}."
        return Refusal(CaseError.NOTE_INVALID, message, _SAYS_WHY[action])
    return None


async def _states(batch: Batch, ids: Sequence[UUID]) -> dict[UUID, _State]:
    rows = await batch.connection.fetch(
        "SELECT id, kind, status, owner_id FROM ops_case WHERE tenant_id = $1 AND id = ANY ($2)",
        batch.journal.tenant_id,
        ids,
    )
    return {row["id"]: _State(CaseKind(row["kind"]), CaseStatus(row["status"]), row["owner_id"]) for row in rows}


#: What needs words, and what the words are called.
_SAYS_WHY: Final = {CaseAction.NOTED: "note", CaseAction.RESOLVED: "reason", CaseAction.DISMISSED: "reason"}
