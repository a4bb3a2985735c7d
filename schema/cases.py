"""Cases: what a person must decide, and how they did."""

import datetime
from collections.abc import Awaitable
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from app.cases import types as cases
from resolvers import cases as resolve
from resolvers.ids import encode_id
from resolvers.paging import asked_page
from schema.enums import describe
from schema.errors import answer, codes
from schema.keys import Key
from schema.relay import After, Before, Connection, First, Info, Last, Node, connection

CaseKind: TypeAlias = cases.CaseKind
describe(
    CaseKind,
    "CaseKind",
    "What has to be decided.",
    {
        "VENUE_ORDER_UNCLEAR": "What became of an order at its venue, which does not say so itself.",
        "LOG_DISAGREES": "The journal does not add up.",
        "BOOKS_UNBALANCED": "Why a day's books do not add up.",
        "POSITION_BREAK": "Why the custodian keeps other than our books say.",
        "CASH_BREAK": "Why a bank account holds other than our books say.",
        "RECONCILIATION_FAILED": "Where the custodian's file of a day is, or what is wrong with it.",
        "LOG_CONTRADICTS_CHECKPOINT": "The journal is not the one that was signed: somebody may have changed it.",
        "DIVIDEND_CHANGED": "Why an account was entitled to another dividend than it was paid.",
        "ACCOUNT_REOPENED": "What becomes of an account that was closed when a deal of it was taken back.",
    },
)
SubjectType: TypeAlias = cases.SubjectType
describe(
    SubjectType,
    "CaseSubjectType",
    "What a case can be about.",
    {
        "ACCOUNT": "An `Account`.",
        "ORDER": "An `Order`.",
        "MARKET_ORDER": "A `MarketOrder`.",
        "TENANT": "The whole tenant, which is no node.",
        "INSTRUMENT": "An `Instrument`.",
        "LEDGER_ACCOUNT": "A `LedgerAccount`.",
        "DAILY_CLOSE": "A `DailyClose`.",
    },
)
CaseStatus: TypeAlias = cases.CaseStatus
describe(
    CaseStatus,
    "CaseStatus",
    "Where a case stands.",
    {
        "OPEN": "Nobody sees to it yet.",
        "IN_PROGRESS": "Its owner sees to it.",
        "RESOLVED": "It was decided.",
        "DISMISSED": "There was nothing to decide.",
    },
)
CaseAction: TypeAlias = cases.CaseAction
describe(
    CaseAction,
    "CaseAction",
    "What was done with a case.",
    {
        "OPENED": "It was opened.",
        "REPORTED_AGAIN": "The same was found again while it was open.",
        "ASSIGNED": "It was given to an operator.",
        "NOTED": "A note was added.",
        "RESOLVED": "It was closed: decided.",
        "DISMISSED": "It was closed: there was nothing to decide.",
    },
)

Case_ = strawberry.Parent[cases.Case]


def _case_id(root: Case_) -> strawberry.ID:
    return strawberry.ID(encode_id("Case", root.id))


def _subject_type(root: Case_) -> SubjectType:
    return root.subject.type


def _subject_id(root: Case_) -> strawberry.ID:
    return strawberry.ID(resolve.subject_id(root))


def _owner(root: strawberry.Parent[cases.Case | cases.CaseEntry]) -> strawberry.ID | None:
    return None if root.owner_id is None else strawberry.ID(str(root.owner_id))


async def _entries(
    root: Case_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve.entries(info.context, root, asked_page(first, after, last, before, UUID))
    return connection(page, lambda entry: entry.id)


@strawberry.type(description="Something that was done with a case. It never changes.")
class CaseEntry:
    action: CaseAction = strawberry.field(description="What.")
    actor: str = strawberry.field(description="Who did it: an opaque reference, or `engine`.")
    note: str = strawberry.field(description="What they wrote; empty where nothing needs to be said.")
    owner_id: strawberry.ID | None = strawberry.field(
        resolver=_owner, description="The user to whom the case was given, if that was done."
    )
    at: datetime.datetime = strawberry.field(description="When.")


@strawberry.type(description="Something that a person must decide.")
class Case(Node):
    id: strawberry.ID = strawberry.field(resolver=_case_id, description="Opaque and stable.")
    kind: CaseKind = strawberry.field(description="What has to be decided.")
    subject_type: SubjectType = strawberry.field(resolver=_subject_type, description="What sort of thing it is about.")
    subject_id: strawberry.ID = strawberry.field(
        resolver=_subject_id, description="What it is about: the id by which `node` finds it."
    )
    summary: str = strawberry.field(description="What is the matter, in a sentence.")
    detail: JSON = strawberry.field(description="What is known of it.")
    status: CaseStatus = strawberry.field(description="Where it stands.")
    owner_id: strawberry.ID | None = strawberry.field(
        resolver=_owner, description="The user who sees to it, once somebody does."
    )
    opened_at: datetime.datetime = strawberry.field(description="When it was opened.")
    closed_at: datetime.datetime | None = strawberry.field(description="When it was resolved or dismissed.")
    entries: Connection[CaseEntry] = strawberry.field(
        resolver=_entries, description="What was done with it, oldest first."
    )

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, cases.Case)


CaseErrorCode = codes(
    "CaseErrorCode",
    "nothing was done with a case",
    {
        "ALREADY_CLOSED": "The case is resolved or dismissed already.",
        "NOTE_INVALID": "The note or reason is empty, too long or has characters that can't be shown.",
    },
)


@strawberry.type(description="Why nothing was done with a case.")
class CaseError:
    code: Any = strawberry.field(graphql_type=CaseErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class CasePayload:
    case: Case | None = strawberry.field(default=None, description="The case as it stands now.")
    errors: list[CaseError] = strawberry.field(description="Why nothing was done; empty if it was.")


Status = Annotated[CaseStatus | None, strawberry.argument(description="Only cases that stand so.")]
CaseId = Annotated[strawberry.ID, strawberry.argument(description="Which case.")]
OwnerId = Annotated[
    strawberry.ID | None, strawberry.argument(description="The operator's user id; yourself if none is given.")
]
Note = Annotated[str, strawberry.argument(description="What to note, in 1 to 4,000 characters.")]
Reason = Annotated[str, strawberry.argument(description="Why, in 1 to 4,000 characters.")]


async def assign_case(info: Info, case_id: CaseId, idempotency_key: Key, owner_id: OwnerId = None) -> Any:
    """Give a case to an operator."""
    return await _answer(resolve.assign_case(info.context, case_id, owner_id, idempotency_key))


async def note_case(info: Info, case_id: CaseId, note: Note, idempotency_key: Key) -> Any:
    """Add a note."""
    return await _answer(resolve.note_case(info.context, case_id, note, idempotency_key))


async def resolve_case(info: Info, case_id: CaseId, reason: Reason, idempotency_key: Key) -> Any:
    """Close what was decided."""
    return await _answer(resolve.resolve_case(info.context, case_id, reason, idempotency_key))


async def dismiss_case(info: Info, case_id: CaseId, reason: Reason, idempotency_key: Key) -> Any:
    """Close what needs no decision."""
    return await _answer(resolve.dismiss_case(info.context, case_id, reason, idempotency_key))


async def _answer(case: Awaitable[cases.Case]) -> Any:
    async def work() -> dict[str, Any]:
        return {"case": await case}

    return await answer(CasePayload, CaseError, CaseErrorCode, work())
