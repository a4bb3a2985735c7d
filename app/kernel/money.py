"""Amounts as whole numbers of 1e-8 units.

Inside, every amount of every asset (dollars and shares alike) is an ``int`` of units of 1e-8.
``Decimal`` stands only at the edges, a float nowhere.
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import Final

SCALE: Final = 8
UNIT: Final = 10**SCALE
CENT: Final = UNIT // 100

#: One transfer's amount travels as a signed 64-bit integer of units: about 92 billion.
MAX_UNITS: Final = 2**63 - 1

_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?|-?\.[0-9]+")
_QUANTUM: Final = Decimal(1).scaleb(-SCALE)
#: The widest column is numeric(38, 8); what does not fit raises.
_EXACT: Final = Context(prec=38, traps=[Inexact, InvalidOperation])


def to_units(value: Decimal) -> int:
    """A decimal as units of 1e-8. Raises ``ValueError`` when it has a ninth decimal or isn't finite."""
    if not value.is_finite():
        raise ValueError(f"{value} is not a finite amount")
    scaled = value.scaleb(SCALE)
    units = int(scaled)
    if units != scaled:
        raise ValueError(f"{value} has more than {SCALE} decimals")
    return units


def to_decimal(units: int) -> Decimal:
    """Units of 1e-8 as an exact decimal with eight places."""
    return _EXACT.multiply(units, _QUANTUM)


@lru_cache(4096)
def to_text(units: int) -> str:
    """Units as plain text, trailing zeros cut down to two decimals."""
    whole, fraction = divmod(abs(units), UNIT)
    decimals = f"{fraction:0{SCALE}}".rstrip("0").ljust(2, "0")
    return f"{'-' if units < 0 else ''}{whole}.{decimals}"


def multiply(a: int, b: int) -> int:
    """``a × b`` of two amounts in units, rounded half up to a unit (shares × price = dollars)."""
    return divide_half_up(a * b, UNIT)


def ratio(a: int, b: int) -> int:
    """``a ÷ b`` of two amounts in units, rounded half up to a unit (dollars ÷ price = shares)."""
    return divide_half_up(a * UNIT, b)


def to_cents(units: int) -> int:
    """Units rounded half up to a whole cent, still in units."""
    return divide_half_up(units, CENT) * CENT


def whole_cents(units: int) -> int:
    """The whole cents of an amount of either sign, in units; what is cut off is less than a cent."""
    cents = abs(units) // CENT * CENT
    return cents if units >= 0 else -cents


def divide_half_up(numerator: int, denominator: int) -> int:
    """Integer division of non-negative numbers, rounded half up."""
    if numerator < 0 or denominator <= 0:
        raise ValueError(f"half-up division needs n >= 0 and d > 0, got {numerator} / {denominator}")
    return (2 * numerator + denominator) // (2 * denominator)


def parse(text: str) -> Decimal:
    """A decimal from plain text such as ``"10.50"``. Raises ``ValueError`` for anything else."""
    if len(text) > 40 or not _PLAIN.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a plain decimal number such as 10.50")
    return Decimal(text)


def round_price(price: Decimal, places: int = 2) -> Decimal:
    """A price at its tick, half up."""
    return price.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
