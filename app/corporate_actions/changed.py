"""Who would get another dividend now than was accrued: deals of before the ex-date were heard of late, or taken back.

What was accrued is paid nevertheless, as everybody was told; a case holds both figures, and a person puts it right.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.cases.open import OpenCase, open_cases
from app.cases.types import CaseKind, Subject, SubjectType
from app.corporate_actions.arithmetic import dollars
from app.corporate_actions.types import CorporateAction
from app.kernel.money import to_text
from app.ledger.batch import Batch
from app.orders.entitled import holdings_before
from app.orders.progress import ENGINE


async def report_changed(
    batch: Batch, action: CorporateAction, books: Sequence[int], entitled: Mapping[int, int]
) -> None:
    """Open cases for those of the books that are ``entitled`` to other quantities than they had, as is known now."""
    connection = batch.connection
    if await connection.fetchval(_TERMS_CHANGED, batch.journal.id, action.instrument_id, action.id, action.begun_at):
        return  # lots are in other terms by now; what a venue takes back of older ones is a case of its own
    found = await holdings_before(batch, action.instrument_id, action.ex_date, books)
    held = {each.book: each.quantity for each in found if dollars(each.quantity, action.terms.cash_per_share)}
    changed = [book for book in sorted({*entitled, *held}) if entitled.get(book, 0) != held.get(book, 0)]
    accounts = {row["id"]: row["reference"] for row in await connection.fetch(_ACCOUNTS, changed)}
    await open_cases(
        batch, [_case(action, accounts[book], entitled.get(book, 0), held.get(book, 0)) for book in changed]
    )


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

_ACCOUNTS = "SELECT id, reference FROM ledger.book WHERE id = ANY ($1)"
