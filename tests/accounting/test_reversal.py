"""The arithmetic of taking an entry back, against a small ledger in Python."""

from collections import defaultdict
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.ledger.cash_postings import deposit, reversal, withdrawal
from app.ledger.chart import USD, Kind, address, kind_of
from app.ledger.types import Journal, Leg

JOURNAL = Journal(1, UUID(int=1), house=1, outside=2)
BOOK = 3
AMOUNTS = st.integers(1, 10**12)
SETTLED, RECEIVABLE = (address(BOOK, USD, kind) for kind in (Kind.SETTLED, Kind.RECEIVABLE))
_NEVER_BELOW_ZERO = {Kind.SETTLED, Kind.PENDING, Kind.FEES}


def post(balances: dict[int, int], legs: list[Leg]) -> list[Leg]:
    """Post as the ledger does; answers what was moved."""
    carry, moved = 0, []
    for leg in legs:
        amount, carry = leg.amount + carry, 0
        has = balances[leg.debit]
        if kind_of(leg.debit) in _NEVER_BELOW_ZERO and has < amount:
            assert leg.up_to, "the ledger would refuse"
            amount, carry = has, amount - has
        balances[leg.debit] -= amount
        balances[leg.credit] += amount
        if amount:
            moved.append(Leg(leg.debit, leg.credit, amount))
    assert carry == 0
    return moved


def owed(balances: dict[int, int]) -> int:
    return -balances[RECEIVABLE]


STEPS = st.lists(
    st.tuples(st.sampled_from(["deposit", "withdraw", "charge", "reduce", "reverse"]), AMOUNTS), max_size=12
)


@settings(max_examples=500)
@example(steps=[("charge", 9), ("deposit", 2), ("reverse", 0)])
@given(steps=STEPS)
def test_whatever_happened_it_can_be_taken_back_and_everybody_is_as_rich_as_before(
    steps: list[tuple[str, int]],
) -> None:
    """What a customer has less what they owe, and what the banks have, is as if the entry had never been."""
    balances: dict[int, int] = defaultdict(int)
    done: list[list[Leg]] = []
    fees = address(JOURNAL.house, USD, Kind.CASH)
    for what, amount in steps:
        if what == "deposit":
            done.append(post(balances, deposit(JOURNAL, BOOK, amount, owed(balances))))
        elif what == "withdraw" and (there := min(amount, balances[SETTLED])):
            done.append(post(balances, withdrawal(JOURNAL, BOOK, there)))
        elif what == "charge":
            done.append(post(balances, [Leg(RECEIVABLE, fees, amount), Leg(RECEIVABLE, fees, amount // 2)]))
        elif what == "reduce":
            done.append(post(balances, [Leg(RECEIVABLE, fees, amount), Leg(fees, RECEIVABLE, amount // 2)]))
        elif what == "reverse" and done:
            settled = balances[SETTLED]
            moved = done.pop(amount % len(done))
            expected: dict[int, int] = defaultdict(int, balances)
            for leg in moved:
                expected[leg.debit] += leg.amount
                expected[leg.credit] -= leg.amount
            post(balances, reversal(moved, BOOK, owed(balances)))
            assert balances[SETTLED] <= settled or owed(balances) == 0, "nobody is paid who owes"
            theirs = {SETTLED, RECEIVABLE}
            assert sum(balances[each] for each in theirs) == sum(expected[each] for each in theirs)
            assert {a: b for a, b in balances.items() if b and a not in theirs} == {
                a: b for a, b in expected.items() if b and a not in theirs
            }
        assert balances[RECEIVABLE] <= 0 <= balances[SETTLED]
        assert sum(balances.values()) == 0
