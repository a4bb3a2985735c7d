"""Our books beside what others say they keep for us. Pure."""

from collections.abc import Mapping

from app.accounting.statement import Statement
from app.accounting.types import Break
from app.ledger.chart import Kind


def compare(ours: Mapping[tuple[Kind, int], int], theirs: Statement) -> tuple[int, list[Break]]:
    """How many balances were compared, and those that disagree, in order of account and asset.

    Only the accounts that the statement speaks for; one that has no balance in one of them has nothing there.
    """
    places = sorted({place for place in (*ours, *theirs.balances) if place[0] in theirs.accounts})
    breaks = [
        Break(*place, ours.get(place, 0), theirs.balances.get(place, 0))
        for place in places
        if ours.get(place, 0) != theirs.balances.get(place, 0)
    ]
    return len(places), breaks
