"""The chart of accounts: which ledger accounts a book can have, and how each is addressed.

Balance = credits - debits. The same list stands in the table ``ledger.account_kind``.
"""

from enum import IntEnum, StrEnum
from typing import Final

USD: Final = 1
"""The asset id of the dollar; every other asset is an instrument."""

_ASSET_BITS: Final = 20
_KIND_BITS: Final = 5


class BookKind(StrEnum):
    """Whose accounts a book holds."""

    CUSTOMER = "customer"
    HOUSE = "house"
    OUTSIDE = "outside"
    MARKET_ORDER = "market_order"


class Kind(IntEnum):
    """What a ledger account is for."""

    PENDING = 1
    INSTANT = 2
    SETTLED = 3
    UNSETTLED = 4
    HELD = 5
    POSITION = 6
    POSITION_HELD = 7
    DIVIDEND_DUE = 8
    RECEIVABLE = 9
    CASH = 10
    INVENTORY = 11
    FEES = 12
    PROMO = 13
    ROUNDING = 14
    ACH = 15
    FBO = 16
    FIRM_BANK = 17
    STREET = 18
    CUSTODIAN = 19
    DIVIDEND_RECEIVABLE = 20
    CORPORATE_ACTION = 21
    MARKET_ORDER = 22
    SHORT = 23

    @property
    def book_kind(self) -> BookKind:
        """Whose book an account of this kind stands in."""
        if self <= Kind.RECEIVABLE:
            return BookKind.CUSTOMER
        if self <= Kind.ROUNDING or self is Kind.SHORT:
            return BookKind.HOUSE
        return BookKind.MARKET_ORDER if self is Kind.MARKET_ORDER else BookKind.OUTSIDE


#: Kinds that only facts may push below zero; a request never can.
MAY_BE_NEGATIVE: Final = frozenset(
    kind for kind in Kind if kind >= Kind.ACH or kind in (Kind.RECEIVABLE, Kind.CASH, Kind.PROMO, Kind.ROUNDING)
)


def address(book: int, asset: int, kind: Kind) -> int:
    """The id of a ledger account: it is its address, so nothing has to be looked up to post to it."""
    return book << (_ASSET_BITS + _KIND_BITS) | asset << _KIND_BITS | kind


def book_of(account: int) -> int:
    """The book that a ledger account belongs to."""
    return account >> (_ASSET_BITS + _KIND_BITS)


def asset_of(account: int) -> int:
    """The asset that a ledger account holds."""
    return account >> _KIND_BITS & (1 << _ASSET_BITS) - 1


def kind_of(account: int) -> Kind:
    """What a ledger account is for."""
    return Kind(account & (1 << _KIND_BITS) - 1)


def accounts_of(book: int) -> tuple[int, int]:
    """The lowest and the highest id that an account of the book can have."""
    bits = _ASSET_BITS + _KIND_BITS
    return book << bits, (book + 1 << bits) - 1
