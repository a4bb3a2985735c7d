"""Cases: what operators see and decide."""

from typing import Any
from uuid import UUID

from app.cases.reads import cases
from app.cases.types import Case, CaseEntry, CaseStatus, SubjectType
from app.cases.work import Assign, Close, Note, assign, dismiss, note, resolve
from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.kernel.paging import Page, PageOf
from app.ledger.batch import UseCase
from app.ledger.idempotency import idempotency_key
from resolvers.context import Context
from resolvers.ids import encode_id
from resolvers.requests import RequestError, parse_id, parse_key

#: By which type of the API the subject of a case is found again.
_NODES = {
    SubjectType.ACCOUNT: "Account",
    SubjectType.ORDER: "Order",
    SubjectType.MARKET_ORDER: "MarketOrder",
    SubjectType.TENANT: "Tenant",
    SubjectType.INSTRUMENT: "Instrument",
    SubjectType.LEDGER_ACCOUNT: "LedgerAccount",
    SubjectType.DAILY_CLOSE: "DailyClose",
}
#: What is numbered: its key is the number, not the UUID of it.
_NUMBERED = (SubjectType.INSTRUMENT, SubjectType.LEDGER_ACCOUNT)


async def find(context: Context, case_id: UUID) -> Case | None:
    """The case, for operators."""
    require(context.principal, Action.VIEW_DESK)
    return await context.loaders.case.load(case_id)


async def cases_page(context: Context, status: CaseStatus | None, asked: PageOf[UUID]) -> Page[Case]:
    """The tenant's cases, newest first, for operators."""
    require(context.principal, Action.VIEW_DESK)
    async with context.read() as connection:
        return await cases(connection, context.principal.tenant_id, status, asked)


async def entries(context: Context, case: Case, asked: PageOf[UUID]) -> Page[CaseEntry]:
    """What was done with the case, oldest first."""
    return await context.loaders.case_entries.load((case.id, asked))


def subject_id(case: Case) -> str:
    """The global id of what the case is about."""
    key = case.subject.id.int if case.subject.type in _NUMBERED else case.subject.id
    return encode_id(_NODES[case.subject.type], key)


async def assign_case(context: Context, case_id: str, owner_id: str | None, key: str) -> Case:
    """Give the case to an operator, or take it. Raises a ``Refusal``; then nothing has changed."""
    id_ = await _case(context, case_id)
    owner = context.principal.user_id if owner_id is None else _user(owner_id)
    command = Assign(id_, owner, context.principal.actor)
    return await _submit(context, assign, command, key, "assignCase", {"case": id_, "owner": owner})


async def note_case(context: Context, case_id: str, text: str, key: str) -> Case:
    """Add a note. Raises a ``Refusal``; then nothing has changed."""
    command = Note(await _case(context, case_id), text, context.principal.actor)
    return await _submit(context, note, command, key, "noteCase", {"case": command.case_id, "note": text})


async def resolve_case(context: Context, case_id: str, reason: str, key: str) -> Case:
    """Close what was decided. Raises a ``Refusal``; then nothing has changed."""
    command = Close(await _case(context, case_id), reason, context.principal.actor)
    return await _submit(context, resolve, command, key, "resolveCase", {"case": command.case_id, "reason": reason})


async def dismiss_case(context: Context, case_id: str, reason: str, key: str) -> Case:
    """Close what needs no decision. Raises a ``Refusal``; then nothing has changed."""
    command = Close(await _case(context, case_id), reason, context.principal.actor)
    return await _submit(context, dismiss, command, key, "dismissCase", {"case": command.case_id, "reason": reason})


async def _case(context: Context, global_id: str) -> UUID:
    """The id of a case, if the caller may work on cases and it is one of the tenant's."""
    require(context.principal, Action.OPERATE_DESK)
    id_ = parse_id(global_id, "Case", "caseId")
    if await context.loaders.case.load(id_) is None:
        raise Refusal(RequestError.NOT_FOUND, f"There is no case {global_id} that you can see.", "caseId")
    return id_


def _user(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        message = f"{text[:60]!r} is not a user's id; take it from `viewer` or from another case."
        raise Refusal(RequestError.ID_INVALID, message, "ownerId") from None


async def _submit(
    context: Context, use_case: UseCase[Any, UUID], command: object, key: str, operation: str, asked: dict[str, Any]
) -> Case:
    principal = context.principal
    idempotency = idempotency_key(principal.actor, parse_key(key), operation, asked)
    writer = await context.services.writers.of(principal.tenant_id)
    await context.renew()
    case_id = await writer.submit(use_case, command, idempotency)
    await context.renew()
    case = await context.loaders.case.load(case_id)
    assert case is not None, "it was committed just now"
    return case
