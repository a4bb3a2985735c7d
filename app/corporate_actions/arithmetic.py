"""The arithmetic of corporate actions. Pure, exact, in units of 1e-8; each account is worked out by itself, so the
order in which accounts are taken changes nothing.

Shares are always rounded down, shares that are owed (negative) too: so all accounts together never get more than the
company gives, nobody loses a whole unit, and what is left over is the house's. Dollars are rounded to the cent.
"""

from app.kernel.money import CENT, UNIT, divide_half_up


def scaled(quantity: int, new: int, old: int) -> int:
    """The quantity under the new terms, ``new`` shares for ``old``."""
    return quantity * new // old


def left_over(before: int, after: int, new: int, old: int) -> int:
    """What the company gives for ``before`` beyond the ``after`` that the accounts got one by one: never negative,
    and less than a unit for each of them."""
    return scaled(before, new, old) - after


def fraction_of(quantity: int) -> int:
    """The part of a position that is no whole share."""
    return quantity % UNIT


def dollars(quantity: int, per_share: int) -> int:
    """Quantity × dollars per share, rounded half up to a whole cent (away from zero, where shares are owed)."""
    cents = divide_half_up(abs(quantity) * per_share, UNIT * CENT) * CENT
    return cents if quantity >= 0 else -cents


def cash_share(cash_per_share: int, new: int, old: int, price: int) -> tuple[int, int]:
    """Which part of a share the cash of a merger pays for, as numerator and denominator.

    Basis is apportioned by what the parts are worth (Treas. Reg. 1.61-6(a)): the cash, and ``new / old`` of the
    acquirer's shares at ``price``.
    """
    cash, stock = cash_per_share * old, new * price
    return cash, cash + stock
