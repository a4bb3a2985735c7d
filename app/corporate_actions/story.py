"""The events of an action in the house's stream, and what every event about it says. Pure."""

from typing import Any

from app.corporate_actions.types import CorporateAction
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text
from app.ledger.batch import Batch
from app.ledger.types import Entry
from app.orders.progress import ENGINE


def told(batch: Batch, action: CorporateAction, type_: EventType, actor: str = ENGINE, **more: Any) -> Entry:
    """A step of the action itself. Reasons stay out: people write names, and events can't be taken back."""
    data = data_of(action) | {
        "kind": action.kind,
        "ex_date": action.ex_date.isoformat(),
        "record_date": action.record_date.isoformat(),
        "pay_date": None if action.pay_date is None else action.pay_date.isoformat(),
        **more,
    }
    return Entry(NewEvent(batch.journal.house, type_, actor, batch.effective_at, correlation=action.id, data=data))


def data_of(action: CorporateAction) -> dict[str, Any]:
    """The action, and its terms as far as it has them."""
    terms = action.terms
    data: dict[str, Any] = {"action": str(action.id), "instrument": action.instrument_id}
    if action.into_id is not None:
        data["into"] = action.into_id
    if terms.new_shares:
        data |= {"new_shares": to_text(terms.new_shares), "old_shares": to_text(terms.old_shares)}
    if terms.cash_per_share:
        data["cash_per_share"] = to_text(terms.cash_per_share)
    return data
