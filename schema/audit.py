"""How far the log is proven, and replays, for operators."""

import datetime
from typing import Annotated, Any

import strawberry

from app.ledger import reads as ledger
from app.ledger import replay
from resolvers import history as resolve
from schema.errors import answer, codes
from schema.keys import Key
from schema.relay import Info


def _proven(root: strawberry.Parent[ledger.Audit]) -> int:
    return root.proven


@strawberry.type(description="How far the journal goes, and how far it was added up again and agreed.")
class Audit:
    position: int = strawberry.field(description="The newest entry's number in the journal.")
    proven_position: int = strawberry.field(resolver=_proven, description="Up to here everything adds up.")
    proven_at: datetime.datetime | None = strawberry.field(description="When the auditor last got further.")
    disagreement: str | None = strawberry.field(description="What does not add up after that; null if all does.")


def _agrees(root: strawberry.Parent[replay.Replayed]) -> bool:
    return root.disagreement is None


@strawberry.type(description="What adding an account's entries up again came to.")
class Replay:
    entries: int = strawberry.field(description="How many entries were added up.")
    accounts: int = strawberry.field(description="Of how many ledger accounts.")
    agrees: bool = strawberry.field(resolver=_agrees, description="Whether every balance came out the same.")
    disagreement: str | None = strawberry.field(description="The first entry that is wrong; null if none is.")


AccountId = Annotated[strawberry.ID, strawberry.argument(description="The account.")]
FromZero = Annotated[
    bool, strawberry.argument(description="From the account's first entry on, not from its newest snapshots.")
]


async def replay_account(info: Info, account_id: AccountId, from_zero: FromZero = False) -> Any:
    """Add an account up again."""
    return await resolve.replay_account(info.context, account_id, from_zero)


RestartAuditErrorCode = codes(
    "RestartAuditErrorCode",
    "the audit was not begun again",
    {"REASON_INVALID": "The reason is empty, too long or has characters that can't be shown."},
)


@strawberry.type(description="Why the audit was not begun again.")
class RestartAuditError:
    code: Any = strawberry.field(graphql_type=RestartAuditErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class RestartAuditPayload:
    audit: Audit | None = strawberry.field(default=None, description="Where the audit stands now: at its beginning.")
    errors: list[RestartAuditError] = strawberry.field(description="Why it was not; empty if it was.")


Reason = Annotated[
    str,
    strawberry.argument(
        description="Why, in 1 to 4,000 characters. It is noted on the case about the disagreement, if one is open."
    ),
]


async def restart_audit(info: Info, reason: Reason, idempotency_key: Key) -> Any:
    """Prove everything again."""

    async def work() -> dict[str, Any]:
        return {"audit": await resolve.prove_again(info.context, reason, idempotency_key)}

    return await answer(RestartAuditPayload, RestartAuditError, RestartAuditErrorCode, work())
