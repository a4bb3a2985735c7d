"""Lots: first in, first out, and exact: what they cost and what they brought in adds up to the last unit."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.money import parse, to_units
from app.orders.lots import Lot, LotSale, first_in_first_out

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/lots.json").read_text())
LOTS = [
    Lot(
        UUID(int=number),
        date.fromisoformat(lot["opened_on"]),
        to_units(parse(lot["quantity"])),
        to_units(parse(lot["cost"])),
    )
    for number, lot in enumerate(GOLDEN["lots"], 1)
]


def left_after(lots: Sequence[Lot], sales: Sequence[LotSale]) -> list[Lot]:
    closed = {sale.lot_id: sale for sale in sales}
    return [
        replace(
            lot,
            remaining=lot.remaining - closed[lot.id].quantity,
            remaining_cost=lot.remaining_cost - closed[lot.id].cost,
        )
        if lot.id in closed
        else lot
        for lot in lots
    ]


@pytest.mark.parametrize("sale", GOLDEN["sales"], ids=lambda sale: sale["quantity"])
def test_golden_cases(sale: dict[str, Any]) -> None:
    sold = first_in_first_out(LOTS, to_units(parse(sale["quantity"])), to_units(parse(sale["proceeds"])))
    assert [each.quantity for each in sold] == [to_units(parse(quantity)) for quantity in sale["closed"]]
    assert [each.lot_id for each in sold] == [lot.id for lot in LOTS[: len(sold)]]
    assert sum(each.gain for each in sold) == to_units(parse(sale["gain"]))


@st.composite
def holdings(draw: st.DrawFn) -> list[Lot]:
    sizes = draw(st.lists(st.tuples(st.integers(1, 10**12), st.integers(0, 10**15)), min_size=1, max_size=8))
    return [
        Lot(UUID(int=number), date(2026, 1, number), remaining, cost)
        for number, (remaining, cost) in enumerate(sizes, 1)
    ]


@given(holdings(), st.data())
def test_costs_and_proceeds_are_exact_over_any_sequence_of_sales(lots: list[Lot], data: st.DataObject) -> None:
    cost_of_all = sum(lot.remaining_cost for lot in lots)
    sold_cost = 0
    for _ in range(3):
        open_lots = [lot for lot in lots if lot.remaining]
        if not open_lots:
            break
        quantity = data.draw(st.integers(1, sum(lot.remaining for lot in open_lots)))
        proceeds = data.draw(st.integers(0, 10**15))
        sales = first_in_first_out(open_lots, quantity, proceeds)
        assert sum(sale.quantity for sale in sales) == quantity
        assert sum(sale.proceeds for sale in sales) == proceeds
        assert [sale.lot_id for sale in sales] == [lot.id for lot in open_lots[: len(sales)]]
        lots = left_after(lots, sales)
        assert all(lot.remaining >= 0 and lot.remaining_cost >= 0 for lot in lots)
        # Only the newest lot that was touched may have something left; one that is gone has no cost left.
        assert all(lot.remaining == 0 for lot in lots if lot.id in {sale.lot_id for sale in sales[:-1]})
        assert all(lot.remaining_cost == 0 for lot in lots if lot.remaining == 0)
        sold_cost += sum(sale.cost for sale in sales)
    assert sold_cost + sum(lot.remaining_cost for lot in lots) == cost_of_all


def test_a_part_of_a_lot_costs_its_share_of_it() -> None:
    [sale] = first_in_first_out([Lot(UUID(int=1), date(2026, 1, 2), 3, 100)], 1, 50)
    assert (sale.quantity, sale.cost, sale.proceeds, sale.gain) == (1, 33, 50, 17)


def test_more_than_there_is_cannot_be_sold() -> None:
    with pytest.raises(ValueError, match="1 of 401 units sold are in no lot"):
        first_in_first_out([Lot(UUID(int=1), date(2026, 1, 2), 400, 100)], 401, 50)
