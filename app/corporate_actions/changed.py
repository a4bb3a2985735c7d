"""Who would get another dividend now than was accrued: deals of before the ex-date were heard of late, or taken back.

What was accrued is paid nevertheless, as everybody was told; a case holds both figures, and a person puts it right.
"""

from collections.abc import Mapping
from uuid import UUID

from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.corporate_actions.arithmetic import dollars
from app.corporate_actions.holders import next_books
from app.corporate_actions.types import CorporateAction
from app.kernel.money import to_text
from app.ledger.batch import Batch
from app.orders.entitled import holdings_before
from app.orders.progress import ENGINE
from app.orders.rows import units
from app.orders.run import CHUNK


async def report_changed(batch: Batch, action: CorporateAction) -> None:
    """Open cases for those who are paid next, and for those between them who were not entitled then."""
    connection = batch.connection
    if await connection.fetchval(_TERMS_CHANGED, batch.journal.id, action.instrument_id, action.id, action.begun_at):
        return  # lots are in other terms by now; what a venue takes back of older ones is a case of its own
    rows = await connection.fetch(_NEXT, action.id, CHUNK)
    entitled = {row["book_id"]: units(row["quantity"]) for row in rows}
    after: int = await connection.fetchval(_PAID_THROUGH, action.id)
    through = max(entitled) if len(entitled) == CHUNK else None
    held = await _held(batch, action, after, through)
    changed = [book for book in sorted({*entitled, *held}) if entitled.get(book, 0) != held.get(book, 0)]
    accounts = {row["id"]: row["reference"] for row in await connection.fetch(_ACCOUNTS, changed)}
    await open_cases(
        batch, [_case(action, accounts[book], entitled.get(book, 0), held.get(book, 0)) for book in changed]
    )


async def _held(batch: Batch, action: CorporateAction, after: int, through: int | None) -> Mapping[int, int]:
    """What the books past ``after`` up to ``through`` had before the ex-date, as far as we know now."""
    held: dict[int, int] = {}
    while True:
        books = await next_books(batch, action.instrument_id, after, CHUNK)
        wanted = [book for book in books if through is None or book <= through]
        found = await holdings_before(batch, action.instrument_id, action.ex_date, wanted)
        held |= {each.book: each.quantity for each in found if dollars(each.quantity, action.terms.cash_per_share)}
        if len(wanted) < CHUNK:
            return held
        after = wanted[-1]


def _case(action: CorporateAction, account: UUID, entitled: int, held: int) -> OpenCase:
    per_share = action.terms.cash_per_share
    paid, due = dollars(entitled, per_share), dollars(held, per_share)
    summary = (
        f"The dividend of {to_text(per_share)} a share that went ex on {action.ex_date.isoformat()} was accrued for"
        f" {to_text(entitled)} shares, {to_text(paid)} dollars; by what venues have told since it would be"
        f" {to_text(held)} shares, {to_text(due)} dollars. What was accrued is paid: post the difference by hand."
    )
    detail = {
        "action": str(action.id),
        "instrument": action.instrument_id,
        "accrued_quantity": to_text(entitled),
        "accrued": to_text(paid),
        "quantity": to_text(held),
        "due": to_text(due),
        "difference": to_text(due - paid),
    }
    return OpenCase(CaseKind.DIVIDEND_CHANGED, Subject(SubjectType.ACCOUNT, account), summary, ENGINE, detail)


_TERMS_CHANGED = """
SELECT EXISTS (SELECT 1 FROM corporate_action
  WHERE journal_id = $1 AND (instrument_id = $2 OR into_id = $2) AND id <> $3 AND kind <> 'DIVIDEND' AND begun_at >= $4)
"""

_NEXT = """
SELECT book_id, quantity FROM dividend_entitlement WHERE action_id = $1 AND paid_at IS NULL ORDER BY book_id LIMIT $2
"""

_PAID_THROUGH = """
SELECT coalesce(max(book_id), 0) FROM dividend_entitlement WHERE action_id = $1 AND paid_at IS NOT NULL
"""

_ACCOUNTS = "SELECT id, reference FROM ledger.book WHERE id = ANY ($1)"
