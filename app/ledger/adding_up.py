"""Adds a stretch of the log up again: every entry must follow from the one before it in its account.

Thousands of transfers at a time, by columns: in polars, whose integers of 128 bits hold each figure of the log exactly.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars
from polars import Int64, Int128, col

from app.kernel.money import to_text
from app.ledger.chart import MAY_BE_NEGATIVE, Kind, asset_of, book_of
from app.ledger.story import Story, Wrong

#: Each so many entries of an account are summed up in a snapshot.
SNAPSHOT_EVERY = 1_000
#: No ledger account has an id below the one or above the other.
LOWEST: Final = -(2**63)
HIGHEST: Final = 2**63 - 1

_ASSET, _KIND = 1048575 << 5, 31
_NAMES = {kind.value: kind.name.lower() for kind in Kind}
_NEVER_NEGATIVE = [kind.value for kind in Kind if kind not in MAY_BE_NEGATIVE]

_TRANSFER: Final = {
    "position": Int64(),
    "leg": Int64(),
    "lateness": Int64(),
    "debit": Int64(),
    "debit_sequence": Int64(),
    "debit_balance": Int128(),
    "credit": Int64(),
    "credit_sequence": Int64(),
    "credit_balance": Int128(),
    "amount": Int128(),
}

Stand = tuple[int, int]
"""An account's sequence number and its balance in units."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an account stood at right after a position."""

    account: int
    position: int
    sequence: int
    balance: int


@dataclass(slots=True)
class Opening:
    """Where an account must have stood for the first entry of a stretch to follow from it."""

    position: int
    stand: Stand


@dataclass(slots=True)
class Stretch:
    """What some positions add up to: how each account stood before its first entry, and after its last.

    Entries outside ``low`` to ``high`` (ids of ledger accounts) are left out. ``disagreement`` names the first entry
    that does not follow from the one before it. Transfers are compared with the events of ``story``, if there is one.
    """

    low: int = LOWEST
    high: int = HIGHEST
    story: Story | None = None
    opening: dict[int, Opening] = field(default_factory=dict)
    closing: dict[int, Stand] = field(default_factory=dict)
    last: tuple[int, int] = (0, 0)
    snapshots: list[Snapshot] = field(default_factory=list)
    disagreement: str | None = None

    @property
    def entries(self) -> int:
        """How many there were: each transfer is one in two accounts."""
        return sum(closing[0] - self.opening[account].stand[0] for account, closing in self.closing.items())

    @property
    def wrong(self) -> str | None:
        """The first thing that was found wrong: of the entries, then of the events."""
        told = None if self.story is None else self.story.disagreement
        return self.disagreement or (told and told[1])

    def read(self, lines: bytes) -> None:
        """Go on with transfers, oldest first: a line each, with tabs between position, leg, lateness, debit account,
        its sequence and balance, credit account, its sequence and balance, and the amount (sums with 8 decimals)."""
        if not lines:
            return
        try:
            # With 8 decimals always, taking away the point makes units of it.
            plain = io.BytesIO(lines.replace(b".", b""))
            transfers = polars.read_csv(plain, separator="\t", has_header=False, schema=_TRANSFER)
        except polars.exceptions.PolarsError:  # NaN, NULL
            transfers = None
        # What is left empty is null: nothing compares with it, so it would pass.
        if transfers is None or transfers.height != lines.count(b"\n") or any(each.null_count() for each in transfers):
            self._object([(self.last[0], f"past position {self.last[0]}: there is a figure that is none")])
            return
        wrong = [] if self.low == self.high else self._legs(transfers)
        self._object([*wrong, *_impossible(transfers), *self._go_on(_entries(transfers, self.low, self.high))])
        self.last = transfers["position"][-1], transfers["leg"][-1]
        if self.story is not None:
            self.story.compare(transfers)

    def _legs(self, transfers: polars.DataFrame) -> Iterable[Wrong]:
        """The transfers of a transaction are numbered from 1. (In the log of one account not all of them are there.)"""
        position, leg = self.last
        same = col("position") == col("position").shift(1, fill_value=position)
        number = polars.when(same).then(col("leg").shift(1, fill_value=leg) + 1).otherwise(1)
        for at, leg in transfers.filter(col("leg") != number).select("position", "leg").head(1).iter_rows():
            yield at, f"position {at}: a transfer is missing before leg {leg}"

    def _go_on(self, entries: polars.DataFrame) -> Iterable[Wrong]:
        """Each entry has to follow from the one before it, and the first of an account from what was read before."""
        same = (col("account") == col("account").shift(1)).fill_null(value=False)
        follows = (col("sequence").shift(1) == col("sequence") - 1) & (col("balance").shift(1) == col("follows_from"))
        entries = entries.with_columns(
            first=~same, last=col("account").ne_missing(col("account").shift(-1)), wrong=same & ~follows
        )
        firsts = entries.filter("first").select("account", "position", "sequence", "follows_from")
        for account, position, sequence, balance in firsts.iter_rows():
            found, needed = self.closing.get(account), (sequence - 1, balance)
            if found is None:
                self.opening[account] = Opening(position, needed)
            elif found != needed:
                yield position, _differs(account, position, found, needed)
        if entries["wrong"].any():
            yield from _misfits(entries)
        stands = entries.filter("last").select("account", "sequence", "balance")
        self.closing.update((account, (sequence, balance)) for account, sequence, balance in stands.iter_rows())
        summed_up = entries.filter(col("sequence") % SNAPSHOT_EVERY == 0).sort("place")
        rows = summed_up.select("account", "position", "sequence", "balance").iter_rows()
        self.snapshots += [Snapshot(*row) for row in rows]

    def _object(self, wrong: Iterable[Wrong]) -> None:
        first = min(wrong, default=None)
        if self.disagreement is None and first is not None:
            self.disagreement = first[1]

    def go_on_with(self, part: "Stretch") -> None:
        """Check that a part follows from this stretch, and make it a part of it."""
        ends = {} if self.story is None else self.story.closing
        self.disagreement = self.disagreement or part.contradiction(self.closing, ends)
        self.closing.update(part.closing)
        self.snapshots += part.snapshots
        for account, opening in part.opening.items():
            self.opening.setdefault(account, opening)
        if part.story is not None:
            ends.update(part.story.closing)

    def contradiction(self, stands: Mapping[int, Stand], ends: Mapping[int, int] | None = None) -> str | None:
        """The first thing that is wrong: an entry that does not follow, be it from how the accounts stood before; then
        an event that does not, be it from how the books' streams ended (``ends``)."""
        wrong = [
            (opening.position, account)
            for account, opening in self.opening.items()
            if stands.get(account, (0, 0)) != opening.stand
        ]
        if wrong:
            position, account = min(wrong)
            return _differs(account, position, stands.get(account, (0, 0)), self.opening[account].stand)
        if self.story is not None:
            self.story.begin(ends or {})
        return self.wrong


def _entries(transfers: polars.DataFrame, low: int, high: int) -> polars.DataFrame:
    """Both sides of each transfer, account by account, each oldest first."""
    counted = transfers.with_row_index("place")
    sides = [
        counted.select(
            "position",
            place=2 * col("place") + number,
            account=col(side),
            sequence=col(f"{side}_sequence"),
            balance=col(f"{side}_balance"),
            follows_from=col(f"{side}_balance") + sign * col("amount"),
        )
        for number, side, sign in ((0, "debit", 1), (1, "credit", -1))
    ]
    both = polars.concat(sides).filter(col("account").is_between(low, high))
    # Twice by one column is quicker than once by two.
    return both.sort("place").sort("account", maintain_order=True)


def _misfits(entries: polars.DataFrame) -> Iterable[Wrong]:
    """Entries that do not follow from the one before them in their account."""
    beside = entries.with_columns(stood_after=col("sequence").shift(1), stood_at=col("balance").shift(1))
    wrong = beside.filter("wrong").select("account", "position", "sequence", "follows_from", "stood_after", "stood_at")
    for account, position, sequence, balance, stood_after, stood_at in wrong.iter_rows():
        yield position, _differs(account, position, (stood_after, stood_at), (sequence - 1, balance))


def _impossible(transfers: polars.DataFrame) -> Iterable[Wrong]:
    """Transfers that can't have been posted."""
    nothing = (col("amount") <= 0) | (col("debit") == col("credit"))
    two_assets = (col("debit") ^ col("credit")) & _ASSET != 0
    below_zero = (col("debit_balance") < 0) & (col("debit") & _KIND).is_in(_NEVER_NEGATIVE)
    found = transfers.filter(nothing | two_assets | below_zero).select("position", "debit", "credit").head(1)
    for position, debit, credit in found.iter_rows():
        what = f"{describe(debit)} to {describe(credit)}"
        yield position, f"position {position}: from {what}, of nothing, of two assets or below zero"


def _differs(account: int, position: int, found: Stand, needed: Stand) -> str:
    return (
        f"position {position}: {describe(account)} stood at {to_text(found[1])} after {found[0]} entries,"
        f" but the next entry follows from {to_text(needed[1])} after {needed[0]}"
    )


def describe(account: int) -> str:
    """A ledger account in words; of one that can't be, too."""
    kind = account & _KIND
    return f"{_NAMES.get(kind, f'kind {kind}')} of book {book_of(account)}, asset {asset_of(account)}"
