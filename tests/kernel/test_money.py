"""Amounts are exact, or refused."""

from decimal import Decimal
from fractions import Fraction
from math import floor

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.kernel.money import CENT, UNIT, divide_half_up, multiply, parse, ratio, to_cents, to_decimal, to_text, to_units

UNITS = st.integers(-(10**24), 10**24)


@given(UNITS)
def test_units_survive_every_way_out_and_back(units: int) -> None:
    assert to_units(to_decimal(units)) == units
    assert to_units(parse(to_text(units))) == units
    assert to_text(units).rpartition(".")[2] == f"{to_decimal(units):f}".rpartition(".")[2].rstrip("0").ljust(2, "0")


def test_what_no_column_holds_is_refused_not_rounded() -> None:
    with pytest.raises(ArithmeticError):
        to_decimal(10**38 + 1)


@pytest.mark.parametrize("text", ["0.000000001", "1.123456789", "NaN", "Infinity"])
def test_a_ninth_decimal_and_what_is_no_number_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"decimals|finite"):
        to_units(Decimal(text))


@pytest.mark.parametrize("text", ["", ".", "-", "1e5", "1_000", " 1", "1,5", "٣", "0x1", "--1", "1" * 41, "1.2.3"])
def test_only_plain_decimal_numbers_parse(text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        parse(text)


def test_published_rounding() -> None:
    assert ratio(100 * UNIT, 325 * UNIT) == 30769231
    assert multiply(30769231, 325 * UNIT) == 10_000_000_075
    assert to_cents(10_000_000_075) == 100 * UNIT


@given(st.integers(0, 10**30), st.integers(1, 10**20))
def test_half_up_is_half_up(numerator: int, denominator: int) -> None:
    assert divide_half_up(numerator, denominator) == floor(Fraction(numerator, denominator) + Fraction(1, 2))


@given(st.integers(0, 10**20))
def test_a_cent_is_never_more_than_half_a_cent_away(units: int) -> None:
    assert abs(to_cents(units) - units) * 2 <= CENT
    assert to_cents(units) % CENT == 0


def test_division_of_nonsense_is_refused() -> None:
    for numerator, denominator in ((-1, 1), (1, 0), (1, -1)):
        with pytest.raises(ValueError, match="half-up"):
            divide_half_up(numerator, denominator)
