"""An account's dollars by kind."""

from typing import Any

import strawberry

from app.ledger import types as ledger
from schema.money import Money, dollars


def _cash_kind(name: str) -> Any:
    def kind(root: strawberry.Parent[ledger.Cash]) -> Any:
        return dollars(getattr(root, name))

    return kind


def _owed(root: strawberry.Parent[ledger.Cash]) -> Any:
    return dollars(-root.receivable)


@strawberry.type(description="An account's dollars. What can be spent, withdrawn and is settled are different figures.")
class CashBalances:
    settled: Money = strawberry.field(resolver=_cash_kind("settled"), description="Yours without any doubt.")
    unsettled: Money = strawberry.field(
        resolver=_cash_kind("unsettled"), description="Proceeds of sales that have not settled yet."
    )
    instant: Money = strawberry.field(
        resolver=_cash_kind("instant"), description="Advanced to you while a deposit is under way."
    )
    pending: Money = strawberry.field(resolver=_cash_kind("pending"), description="A deposit under way.")
    held: Money = strawberry.field(resolver=_cash_kind("held"), description="Set aside for open orders.")
    owed: Money = strawberry.field(resolver=_owed, description="What you owe us; deposits and proceeds repay it first.")
    buying_power: Money = strawberry.field(
        resolver=_cash_kind("buying_power"), description="What you can order for now: settled, unsettled and instant."
    )
    withdrawable: Money = strawberry.field(
        resolver=_cash_kind("withdrawable"), description="What you can take out now: settled, while nothing is owed."
    )
