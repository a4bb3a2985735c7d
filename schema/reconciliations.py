"""Reconciliations: our books beside what the custodian and the bank say."""

import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.accounting import types
from resolvers import accounting as resolve_accounting
from resolvers import reconcile as resolve
from resolvers.ids import encode_id
from resolvers.paging import asked_page
from schema.errors import answer, codes
from schema.journal import LedgerAccountKind
from schema.keys import Key
from schema.relay import After, Before, First, Info, Last, Node, connection
from schema.scalars import Decimal

Break_ = strawberry.Parent[types.Break]
Run_ = strawberry.Parent[types.Reconciliation]


def _asset(root: Break_, info: Info) -> str:
    return resolve_accounting.asset_name(info.context, root.asset)


def _run_id(root: Run_) -> strawberry.ID:
    return strawberry.ID(encode_id("Reconciliation", root.id))


def _count(root: Run_) -> int:
    return len(root.breaks)


@strawberry.type(description="A balance that others have otherwise than our books.")
class ReconciliationBreak:
    account: LedgerAccountKind = strawberry.field(description="CUSTODIAN, FBO or FIRM_BANK.")
    asset: str = strawberry.field(resolver=_asset, description="Of what: USD, or an instrument's symbol.")
    ours: Decimal = strawberry.field(description="What our books say that is kept for us.")
    theirs: Decimal = strawberry.field(description="What they say.")
    difference: Decimal = strawberry.field(description="What they have more.")


@strawberry.type(description="A comparison of our books with what the custodian and the bank say. It never changes.")
class Reconciliation(Node):
    id: strawberry.ID = strawberry.field(resolver=_run_id, description="Opaque and stable.")
    business_date: datetime.date | None = strawberry.field(
        description="Of which date, if it is the daily one; null if an operator asked for it."
    )
    as_of: datetime.datetime = strawberry.field(
        description="The moment, on the market's clock, of which the file speaks."
    )
    source: str = strawberry.field(description="Where the file came from.")
    file_hash: str = strawberry.field(description="SHA-256 of the file.")
    compared: int = strawberry.field(description="How many balances were compared.")
    break_count: int = strawberry.field(resolver=_count, description="How many disagree.")
    breaks: list[ReconciliationBreak] = strawberry.field(description="Those that disagree; each is a case.")
    run_by: str = strawberry.field(description="Who asked for it: an opaque reference, or `engine`.")
    run_at: datetime.datetime = strawberry.field(description="When.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, types.Reconciliation)


ReconcileErrorCode = codes(
    "ReconcileErrorCode",
    "nothing was reconciled",
    {
        "FILE_INVALID": "The file can't be read, or speaks of the future or of archived days: the message says where.",
        "CUSTODIAN_UNAVAILABLE": "No file was sent, and no custodian is linked from whom one could come.",
    },
)


@strawberry.type(description="Why nothing was reconciled.")
class ReconcileError:
    code: Any = strawberry.field(graphql_type=ReconcileErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class ReconcilePayload:
    reconciliation: Reconciliation | None = strawberry.field(default=None, description="The comparison.")
    errors: list[ReconcileError] = strawberry.field(description="Why there is none; empty if there is.")


File = Annotated[
    str | None,
    strawberry.argument(
        description="A CSV under the header as_of,account,asset,balance, complete for each account (CUSTODIAN, FBO, "
        "FIRM_BANK) that it names; larger ones go through `wealthgraph reconcile`. If none is sent, the linked "
        "custodian is asked for one of now."
    ),
]


async def reconciliations(
    info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    """Reconciliations."""
    page = await resolve.reconciliations_page(info.context, asked_page(first, after, last, before, UUID))
    return connection(page, lambda run: run.id)


async def reconcile(info: Info, idempotency_key: Key, file: File = None) -> Any:
    """Reconcile now."""

    async def work() -> dict[str, Any]:
        return {"reconciliation": await resolve.reconcile(info.context, file, idempotency_key)}

    return await answer(ReconcilePayload, ReconcileError, ReconcileErrorCode, work())
